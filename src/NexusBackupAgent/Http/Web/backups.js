// The backups: what there is, what proves it, what it builds on, and how to restore it by hand.
import { useState } from './vendor/hooks.js';
import { html } from './html.js';
import { getPage, query } from './api.js';
import { Badge, Choice, Commands, Copy, Empty, Facts, Heading, refusal, Skeleton, Table, Trouble, useLoad, usePages, When } from './parts.js';
import { Glyph } from './icons.js';
import { StartButton } from './actions.js';
import { bytes } from './time.js';
import { go, route, to } from './state.js';
import { t } from './texts.js';

const LIMIT = 50;

export const StateBadge = ({ backup }) => html`<${Badge} state=${backup.state}>${t(`state.${backup.state}`)}<//>`;

export const BackupTable = ({ rows, single }) => html`<${Table} caption=${t('nav.backups')} keyOf=${row => row.id} rows=${rows} columns=${[
    { name: t('column.captured'), wide: true, of: row => html`<a href=${to('backup', row.id)}><${When} at=${row.capturedAt}/></a>` },
    !single && { name: t('column.source'), of: row => html`<a href=${to('source', row.source)}>${row.source}</a>` },
    { name: t('column.schedule'), of: row => row.schedule },
    { name: t('column.type'), of: row => t(`type.${row.type}`) },
    { name: t('column.size'), figure: true, of: row => bytes(row.sizeBytes) },
    { name: t('column.state'), of: row => html`<${StateBadge} backup=${row}/>` },
    rows.some(row => row.stores) && { name: t('column.stores'), of: row => row.stores?.join(', ') },
    { name: t('column.proof'), wide: true, of: row => html`<${When} at=${row.verifiedAt} ahead=${t('proof.none')}/>` },
    { name: t('column.chain'), wide: true, of: row => (row.brokenChain ? html`<${Badge} state="failure">${row.brokenChain}<//>` : row.base ? html`<a class="id" href=${to('backup', row.base)}>${row.base}</a>` : html`<span class="quiet">${t('chain.none')}</span>`) },
].filter(Boolean)}/>`;

export function SourceChoice({ value, onChange, all = true }) {
    const { data } = useLoad('sources');
    const names = (data ?? []).map(source => source.source);
    if (names.length > 50) {
        return html`<label class="field"><span>${t('column.source')}</span><input list="sources" value=${value} placeholder=${all ? t('all') : undefined} onChange=${event => onChange(event.target.value)}/>
            <datalist id="sources">${names.map(name => html`<option value=${name}/>`)}</datalist></label>`;
    }
    return html`<${Choice} name=${t('column.source')} value=${value} of=${[...(all ? [['', t('all')]] : []), ...names.map(name => [name, name])]} onChange=${onChange}/>`;
}

export function Backups() {
    const asked = route.value.query;
    const [source, state] = [asked.get('source') ?? '', asked.get('state') ?? ''];
    const { data, problem, reload, pager } = usePages(`backups?${query({ source, state, limit: LIMIT })}`, getPage);
    return html`
        <${Heading} title=${t('nav.backups')}>${t('nav.backups')}<//>
        <div class="filters"><${SourceChoice} value=${source} onChange=${chosen => go('backups', { source: chosen, state })}/>
            <${Choice} name=${t('column.state')} value=${state} of=${[['', t('all')], ...['good', 'unverified', 'corrupt', 'quarantined'].map(one => [one, t(`state.${one}`)])]} onChange=${chosen => go('backups', { source, state: chosen })}/></div>
        ${problem && html`<${Trouble} problem=${problem} again=${reload}/>`}
        ${!data && !problem && html`<${Skeleton} lines=${8}/>`}
        ${data && (data.items.length > 0 ? html`<${BackupTable} rows=${data.items}/>${pager}`
            : source || state ? html`<${Empty} title=${t('empty.filter')}>${t('empty.filter.next')}<//>` : html`<${Empty} title=${t('empty.backups')}>${t('empty.backups.next')}<//>`)}`;
}

function Download({ href, children }) {
    const why = refusal('download');
    if (why) return html`<span class="act"><button class="plain refused" aria-disabled="true" title=${why}><${Glyph} name="lock"/>${children}</button><small class="quiet">${why}</small></span>`;
    return html`<a class="button" href=${href} download>${children}</a>`;
}

/** The files of a backup, and the command that takes one of them out. */
function Contents({ id, source }) {
    const [pattern, setPattern] = useState('');
    const [chosen, setChosen] = useState(null);
    const why = refusal('download');
    const { data, problem, reload, pager } = usePages(`backups/${encodeURIComponent(id)}/contents?${query({ pattern, limit: LIMIT })}`, getPage);
    return html`<section class="card"><h2>${t('contents')}</h2>
        ${why ? html`<p class="quiet">${why}</p>` : html`
        <label class="field"><span>${t('contents.pattern')}</span><input value=${pattern} placeholder="*.conf" onChange=${event => setPattern(event.target.value.trim())}/></label>
        ${problem && html`<${Trouble} problem=${problem} again=${reload}/>`}
        ${!data && !problem && html`<${Skeleton} lines=${4}/>`}
        ${data && (data.items.length === 0 ? html`<${Empty} title=${t('empty.filter')}>${t('empty.filter.next')}<//>` : html`<${Table} caption=${t('contents')} keyOf=${file => file.path} rows=${data.items} columns=${[
            { name: t('contents.path'), wide: true, of: file => html`<button class="link id" onClick=${() => setChosen(file.path)}>${file.path}${file.target && ` → ${file.target}`}</button>` },
            { name: t('column.size'), figure: true, of: file => (file.type === 'file' ? bytes(file.sizeBytes) : t(`contents.${file.type}`)) },
            { name: t('contents.modified'), of: file => html`<${When} at=${file.modifiedAt}/>` },
            { name: t('contents.owner'), of: file => `${file.owner ?? ''} ${file.mode ?? ''}` },
        ]}/>${pager}`)}
        ${chosen && html`<p>${t('contents.take')}</p><${Commands} lines=${[`nexus-backup restore ${quoted(source)} --id ${id} --path ${quoted(chosen)} --to ./restored`]}/>`}`}</section>`;
}

/** As a shell takes it. */
const quoted = text => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

export function Backup({ id }) {
    const { data: stored, problem, reload } = useLoad(`backups/${encodeURIComponent(id)}`);
    if (!stored) return html`<${Heading} title=${id}>${t('backup')}<//>${problem ? html`<${Trouble} problem=${problem} again=${reload}/>` : html`<${Skeleton} lines=${6}/>`}`;
    const { backup, checks, chain } = stored;
    return html`
        <${Heading} title=${id} aside=${html`<div class="buttons"><a class="button primary" href=${to('restore', backup.source, { id })}>${t('restore.this')}</a>
            <${StartButton} action="verify" path="verify" body=${{ id }}>${t('verify')}<//></div>`}>${t('backup.of', { source: backup.source })}<//>
        <section class="card"><${Facts} of=${[
            [t('column.captured'), html`<${When} at=${backup.capturedAt}/>`], [t('column.state'), html`<${StateBadge} backup=${backup}/>`],
            [t('column.proof'), html`<${When} at=${backup.verifiedAt} ahead=${t('proof.none')}/>`], [t('fact.proof'), backup.proof ? t(`proof.${backup.proof}`) : '—'], [t('column.type'), t(`type.${backup.type}`)], [t('column.schedule'), backup.schedule],
            [t('column.size'), bytes(backup.sizeBytes)], [t('column.content'), bytes(backup.contentBytes)],
        ]}/>
            <${Facts} of=${[[t('column.id'), html`<span class="id">${backup.id}</span>`], [t('column.file'), html`<span class="id">${backup.file}</span>`], ['SHA-256', html`<span class="id">${backup.sha256 ?? '—'}</span>`]]}/>
            ${backup.note && html`<p>${backup.note}</p>`}
            ${backup.fullBecause && html`<p class="quiet">${backup.fullBecause}</p>`}
            ${backup.brokenChain && html`<${Trouble} problem=${{ message: backup.brokenChain }}/>`}
            ${backup.troubles?.map(trouble => html`<${Trouble} problem=${{ message: `${trouble.file}: ${trouble.reason}` }}/>`)}</section>
        ${checks.length > 0 && html`<section class="card"><h2>${t('checks')}</h2><ul class="checks">${checks.map(check => html`<li><${Badge} state=${check.passed ? 'success' : 'failure'}>${check.check}<//> <span>${check.detail}</span></li>`)}</ul></section>`}
        ${chain.length > 1 && html`<section class="card"><h2>${t('restore.chain')}</h2><ol class="chain">${chain.map(file => html`<li class="id">${file}</li>`)}</ol>
            ${backup.base && html`<p>${t('column.chain')}: <a class="id" href=${to('backup', backup.base)}>${backup.base}</a></p>`}</section>`}
        ${stored.contentsUrl && html`<${Contents} id=${id} source=${backup.source}/>`}
        <section class="card"><h2>${t('byhand')}</h2><p>${t('byhand.text')}</p>
            <div class="buttons"><${Download} href=${stored.artifactUrl}>${t('download')}<//><${Download} href=${stored.checksumUrl}>${t('download.sha256')}<//></div>
            ${stored.handRestore.length > 0 && html`<${Commands} lines=${stored.handRestore}/>`}
            <p><${Copy} text=${backup.id}>${t('copy.id')}<//></p></section>`;
}
