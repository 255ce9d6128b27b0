// What was done: each run with its outcome, and one while it goes on.
import { html } from './html.js';
import { getRuns, query, runPath } from './api.js';
import { Badge, Choice, Empty, Facts, Heading, Skeleton, Table, Trouble, useLoad, usePages, When } from './parts.js';
import { isOpen, Progress } from './actions.js';
import { SourceChoice } from './backups.js';
import { Result } from './restore.js';
import { duration } from './time.js';
import { go, route, to } from './state.js';
import { t } from './texts.js';

const KINDS = ['backup', 'verification', 'drill', 'restore', 'prune', 'copy', 'quarantine', 'acceptance'];

export const RunTable = ({ rows, single }) => html`<${Table} caption=${t('nav.runs')} keyOf=${row => row.id} rows=${rows} columns=${[
    { name: t('column.started'), wide: true, of: row => html`<a href=${to('runs', row.id)}><${When} at=${row.startedAt} ahead=${t('result.waiting')}/></a>` },
    !single && { name: t('column.source'), of: row => html`<a href=${to('source', row.source)}>${row.source}</a>` },
    { name: t('column.kind'), of: row => html`${t(`kind.${row.kind}`)}${row.schedule ? html` <span class="quiet">${row.schedule}</span>` : ''}` },
    { name: t('column.result'), of: row => html`<${Badge} state=${row.result}>${t(`result.${row.result}`)}<//>` },
    { name: t('column.duration'), figure: true, of: row => duration(row.seconds) },
    { name: t('column.message'), wide: true, of: row => row.message ?? '' },
].filter(Boolean)}/>`;

export function Runs() {
    const asked = route.value.query;
    const [source, kind] = [asked.get('source') ?? '', asked.get('kind') ?? ''];
    const { data, problem, reload, pager } = usePages(`runs?${query({ source, kind, limit: 50 })}`, getRuns, 5);
    return html`
        <${Heading} title=${t('nav.runs')}>${t('nav.runs')}<//>
        <div class="filters"><${SourceChoice} value=${source} onChange=${chosen => go('runs', { source: chosen, kind })}/>
            <${Choice} name=${t('column.kind')} value=${kind} of=${[['', t('all')], ...KINDS.map(one => [one, t(`kind.${one}`)])]} onChange=${chosen => go('runs', { source, kind: chosen })}/></div>
        ${problem && html`<${Trouble} problem=${problem} again=${reload}/>`}
        ${!data && !problem && html`<${Skeleton} lines=${8}/>`}
        ${data && (data.items.length > 0 ? html`<${RunTable} rows=${data.items}/>${pager}` : html`<${Empty} title=${t('empty.runs')}>${t('empty.runs.next')}<//>`)}`;
}

export function Run({ id }) {
    const { data: run, problem, reload } = useLoad(runPath(id));
    if (!run) return html`<${Heading} title=${t('run')}>${t('run')}<//>${problem ? html`<${Trouble} problem=${problem} again=${reload}/>` : html`<${Skeleton} lines=${5}/>`}`;
    return html`
        <${Heading} title=${`${t(`kind.${run.kind}`)}: ${run.source}`}>${t(`kind.${run.kind}`)}: <a href=${to('source', run.source)}>${run.source}</a><//>
        <section class="card" aria-live="polite">
            ${isOpen(run) ? html`<${Progress} run=${run} onEnd=${reload}/>` : html`<p class="verdict small"><${Badge} state=${run.result}>${t(`result.${run.result}`)}<//></p>`}
            ${run.message && html`<${Trouble} problem=${run}/>`}
            <${Facts} of=${[
                [t('column.started'), html`<${When} at=${run.startedAt}/>`], [t('column.ended'), html`<${When} at=${run.endedAt}/>`], [t('column.duration'), duration(run.seconds)],
                run.schedule && [t('column.schedule'), run.schedule], run.type && [t('column.type'), t(`type.${run.type}`)], run.by && [t('column.by'), run.by],
                run.backup && [t('backup'), html`<a class="id" href=${to('backup', run.backup)}>${run.backup}</a>`],
            ]}/>
            ${run.detail && html`<p>${run.detail}</p>`}
            ${run.attempts?.length > 1 && html`<h2>${t('attempts')}</h2><ol>${run.attempts.map(attempt => html`<li><${When} at=${attempt.startedAt}/> ${attempt.message ?? ''}</li>`)}</ol>`}
        </section>
        ${run.restore && html`<${Result} restore=${run.restore}/>`}`;
}
