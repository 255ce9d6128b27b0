// 設定 → バックアップ → 今すぐバックアップ, as the runbook names the way; how the page looks; whose it is; what is configured.
import { useState } from './vendor/hooks.js';
import { html } from './html.js';
import { Act, Badge, Choice, Empty, Facts, Heading, refusal, Skeleton, Table, Tabs, Trouble, useLoad, When } from './parts.js';
import { Glyph } from './icons.js';
import { LiveRun, StartButton, useStart } from './actions.js';
import { SourceChoice } from './backups.js';
import { Token } from './user.js';
import { language, me, theme, to } from './state.js';
import { t } from './texts.js';

function BackupNow() {
    const [source, setSource] = useState('');
    const [type, setType] = useState('');
    const { busy, problem, runs, start } = useStart('backup');
    return html`<section class="card"><h2>${t('settings.backup')}</h2>
        <p>${t('settings.backup.text')}</p>
        <div class="filters"><${SourceChoice} value=${source} onChange=${setSource}/>
            <${Choice} name=${t('column.type')} value=${type} of=${[['', t('type.default')], ...['full', 'differential', 'incremental'].map(one => [one, t(`type.${one}`)])]} onChange=${setType}/></div>
        <${Act} action="backup" kind="primary" busy=${busy} onClick=${() => start({ source: source || undefined, type: type || undefined })}>${t('backup.now')}<//>
        ${problem && html`<${Trouble} problem=${problem}/>`}
        <div aria-live="polite">${runs?.slice(0, 20).map(run => html`<${LiveRun} key=${run.id} run=${run}/>`)}</div></section>
        <section class="card"><h2>${t('settings.more')}</h2><p>${t('settings.more.text')}</p>
            <div class="buttons"><${StartButton} action="verify" path="verify" body=${{}}>${t('verify.all')}<//><${StartButton} action="drill" path="drill" body=${{}}>${t('drill.all')}<//></div></section>
        <${Schedules}/>`;
}

function Schedules() {
    const { data, problem } = useLoad('schedules');
    if (!data) return problem ? html`<${Trouble} problem=${problem}/>` : html`<${Skeleton} lines=${4}/>`;
    return html`<section><h2>${t('schedules')}</h2><${Table} caption=${t('schedules')} keyOf=${row => `${row.source} ${row.schedule}`} rows=${data.slice(0, 50)} columns=${[
        { name: t('column.source'), of: row => html`<a href=${to('source', row.source)}>${row.source}</a>` },
        { name: t('column.schedule'), of: row => row.schedule },
        { name: t('column.cron'), of: row => html`<code>${row.cron}</code>` },
        { name: t('column.type'), of: row => t(`type.${row.type}`) },
        { name: t('column.retention'), of: row => row.retention ?? t('retention.none') },
        { name: t('column.next'), of: row => html`<${When} at=${row.nextRun}/>` },
    ]}/><p class="quiet">${t('schedules.text')}</p></section>`;
}

const Look = () => html`<section class="card"><h2>${t('settings.look')}</h2><div class="filters">
    <${Choice} name=${t('language')} value=${language.value} of=${[['ja', '日本語'], ['en', 'English']]} onChange=${language.keep}/>
    <${Choice} name=${t('theme')} value=${theme.value} of=${['system', 'light', 'dark'].map(one => [one, t(`theme.${one}`)])} onChange=${theme.keep}/></div></section>`;

const Refused = ({ action, children }) => (refusal(action) ? html`<section class="card"><p class="quiet"><${Glyph} name="lock"/> ${refusal(action)}</p></section>` : children);

function Configuration() {
    const { data, problem } = useLoad(refusal('configure') ? null : 'config');
    return html`<${Refused} action="configure">${problem && html`<${Trouble} problem=${problem}/>`}
        ${!data && !problem && html`<${Skeleton} lines=${8}/>`}
        ${data && html`<section class="card"><h2>${t('settings.configuration')}</h2>
            ${data.check.problems.map(one => html`<p><${Badge} state=${one.severity === 'error' ? 'failure' : 'L1'}>${one.key}<//> ${one.problem}; ${one.mend}</p>`)}
            <p class="id">${data.file}</p><pre tabindex="0">${JSON.stringify(data.settings, null, 2)}</pre></section>`}<//>`;
}

function Audit() {
    const { data, problem } = useLoad(refusal('audit') ? null : 'audit?limit=100');
    return html`<${Refused} action="audit">${problem && html`<${Trouble} problem=${problem}/>`}
        ${!data && !problem && html`<${Skeleton} lines=${8}/>`}
        ${data?.length === 0 && html`<${Empty} title=${t('settings.audit')}>${t('empty.audit')}<//>`}
        ${data?.length > 0 && html`<${Table} caption=${t('settings.audit')} keyOf=${row => row.id} rows=${data} columns=${[
            { name: t('column.at'), of: row => html`<${When} at=${row.at}/>` }, { name: t('column.user'), of: row => row.user }, { name: t('column.address'), of: row => row.address },
            { name: t('column.action'), of: row => row.action }, { name: t('column.source'), of: row => row.source ?? '' }, { name: t('column.result'), of: row => row.outcome }]}/>`}<//>`;
}

const Account = () => html`<section class="card"><h2>${t('settings.account')}</h2>
    <${Facts} of=${[[t('column.user'), me.value.user ?? t('user.nobody')], [t('role'), me.value.role ? t(`role.${me.value.role}`) : '—'], [t('version'), html`<span class="id">${me.value.version}</span>`], [t('zone'), me.value.timeZone ?? '—']]}/>
    ${!me.value.user && html`<p>${t('nousers')}</p>`}</section>${me.value.user && html`<${Token}/>`}`;

const PLACES = { backup: BackupNow, look: Look, account: Account, configuration: Configuration, audit: Audit };

export function Settings({ place }) {
    const chosen = PLACES[place] ? place : 'backup';
    return html`<${Heading} title=${t(`settings.${chosen}`)}>${t('nav.settings')}<//>
        <${Tabs} label=${t('nav.settings')} current=${chosen} of=${Object.keys(PLACES).map(key => [key, t(`settings.${key}`), to('settings', key)])}/>
        <${PLACES[chosen]}/>`;
}
