// One source: how it is, its past twelve weeks, what it can be restored to, and what was done.
import { html } from './html.js';
import { Empty, Facts, Heading, Skeleton, Table, Trouble, useLoad, When } from './parts.js';
import { StateIcon, tone } from './icons.js';
import { Calendar } from './calendar.js';
import { isStretch, Timeline } from './timeline.js';
import { BackUpNow, isOpen, LiveRun, StartButton } from './actions.js';
import { disk, nextRun, recovery, RpoBar, sentence, word } from './overview.js';
import { BackupTable } from './backups.js';
import { RunTable } from './runs.js';
import { query } from './api.js';
import { clock } from './time.js';
import { language, to } from './state.js';
import { t } from './texts.js';

const Schedules = ({ of }) => html`<${Table} caption=${t('schedules')} keyOf=${row => row.schedule} rows=${of} columns=${[
    { name: t('column.schedule'), of: row => row.schedule },
    { name: t('column.cron'), of: row => html`<code>${row.cron}</code>` },
    { name: t('column.type'), of: row => t(`type.${row.type}`) },
    { name: t('column.retention'), of: row => row.retention ?? t('retention.none') },
    { name: t('column.next'), of: row => html`<${When} at=${row.nextRun}/>` },
    { name: t('column.lastgood'), of: row => html`<${When} at=${row.lastSuccess} ahead=${t('never')}/>` },
]}/>`;

const Copies = ({ of }) => html`<${Table} caption=${t('copies')} keyOf=${row => row.store} rows=${of} columns=${[
    { name: t('column.store'), of: row => row.store },
    { name: t('column.newestcopy'), of: row => html`<${When} at=${row.newestGoodAt} ahead=${t('never')}/>` },
    { name: t('column.backups'), figure: true, of: row => row.backups ?? '—' },
    { name: t('column.owed'), figure: true, of: row => row.owed ?? '—' },
    { name: t('column.copyfailure'), wide: true, of: row => (row.lastFailure ? html`<${Trouble} problem=${row.lastFailure}/>` : html`<span class="quiet">${t('copies.fine')}</span>`) },
]}/>`;

/** What was proven of its newest good backup; of one that was not expanded whole also which one was, last. */
const proof = ({ newestGood, provenWholeAt }) => (newestGood?.proof
    ? html`${t(`proof.${newestGood.proof}`)}${newestGood.proof === 'whole' ? '' : html` <span class="quiet">${t('proof.lastwhole')} <${When} at=${provenWholeAt} ahead=${t('never')}/></span>`}`
    : '—');

/** Newest first, each in words. */
const Windows = ({ of }) => of?.some(isStretch) && html`<p class="quiet">${t('window.hint')}</p>
    <ul class="windows">${of.filter(isStretch).map(window => html`<li>${t('window.from', { first: clock(window.first, true), last: clock(window.last, true) })}</li>`)}</ul>`;

export function Source({ name }) {
    const one = useLoad(`sources/${encodeURIComponent(name)}?${query({ lang: language.value })}`, { every: 15 });
    const backups = useLoad(`backups?${query({ source: name, limit: 500 })}`, { every: 60 });
    const runs = useLoad(`runs?${query({ source: name, limit: 10 })}`, { every: 15 });
    const ended = () => { one.reload(); backups.reload(); runs.reload(); };
    const source = one.data;
    if (!source) return html`<${Heading} title=${name}>${name}<//>${one.problem ? html`<${Trouble} problem=${one.problem} again=${one.reload}/>` : html`<${Skeleton} tall/>`}`;
    const running = runs.data?.find(isOpen);
    return html`
        <${Heading} title=${name} aside=${html`<div class="buttons"><${BackUpNow} source=${name}/>
            <${StartButton} action="verify" path="verify" body=${{ source: name }}>${t('verify')}<//>
            <${StartButton} action="drill" path="drill" body=${{ source: name }}>${t('drill')}<//>
            <a class="button" href=${to('restore', name)}>${t('restore')}</a></div>`}>${name}<//>
        <section class="card source ${tone(source.level)}">
            <header><${StateIcon} state=${source.level} big/><div><p class="word">${word(source.level)}</p><p class="answer">${sentence(source)}</p></div></header>
            ${source.reasons?.length > 0 && html`<ul class="reasons">${source.reasons.map(reason => html`<li>${reason}</li>`)}</ul>`}
            ${source.lastFailure && html`<${Trouble} problem=${source.lastFailure}/>`}
            ${source.hookFailure && html`<${Trouble} problem=${source.hookFailure}/>`}
            <${RpoBar} source=${source}/>
            <${Facts} of=${[[t('fact.next'), nextRun(source)], [t('fact.recovery'), recovery(source)], [t('fact.proof'), proof(source)], [t('fact.disk'), disk(source, true)], [t('fact.kind'), source.kind], [t('fact.store'), source.store], [t('fact.backups'), source.backups ?? '—']]}/>
        </section>
        ${running && html`<section class="card" key=${running.id}><${LiveRun} run=${running} onEnd=${ended}/></section>`}
        <div class="columns">
            <section class="card"><h2>${t('calendar')}</h2><${Calendar} source=${name} legend/></section>
            <section class="card"><h2>${t('timeline')}</h2>${backups.data ? (backups.data.length > 0 ? html`<${Timeline} backups=${backups.data} windows=${source.recoveryWindows}/><p class="quiet">${t('timeline.hint')}</p><${Windows} of=${source.recoveryWindows}/>` : html`<p class="quiet">${t('empty.backups.next')}</p>`) : html`<${Skeleton} tall/>`}</section>
        </div>
        ${source.copies?.length > 0 && html`<section><h2>${t('copies')}</h2>${source.threeTwoOne && html`<p>${t(source.threeTwoOne.met ? 'rule.met' : 'rule.unmet', source.threeTwoOne)}</p>`}<${Copies} of=${source.copies}/></section>`}
        ${source.schedules?.length > 0 && html`<section><h2>${t('schedules')}</h2><${Schedules} of=${source.schedules}/></section>`}
        <section><h2>${t('nav.backups')}</h2>
            ${backups.problem && !backups.data && html`<${Trouble} problem=${backups.problem} again=${backups.reload}/>`}
            ${backups.data && (backups.data.length > 0 ? html`<${BackupTable} rows=${backups.data.slice(0, 10)} single/>` : html`<${Empty} title=${t('empty.backups')}>${t('empty.backups.next')}<//>`)}
            ${backups.data?.length > 10 && html`<p><a href=${to('backups', { source: name })}>${t('all.backups')}</a></p>`}</section>
        <section><h2>${t('nav.runs')}</h2>
            ${runs.data && (runs.data.length > 0 ? html`<${RunTable} rows=${runs.data} single/>` : html`<p class="quiet">${t('empty.runs')}</p>`)}
            <p><a href=${to('runs', { source: name })}>${t('all.runs')}</a></p></section>`;
}

