// Is my data safe? A sentence and a colour for all, then for each source; the worst first.
import { useState } from './vendor/hooks.js';
import { html } from './html.js';
import { Badge, Empty, Facts, Heading, Skeleton, Trouble, useLoad } from './parts.js';
import { StateIcon, tone } from './icons.js';
import { Calendar } from './calendar.js';
import { BackUpNow } from './actions.js';
import { bytes, clock, duration, percent, relative } from './time.js';
import { query } from './api.js';
import { language, now, to } from './state.js';
import { t } from './texts.js';

const PAGE = 12;
const RANK = { L3: 0, L2: 1, L1: 2, NEW: 4, OK: 5 };
const rank = source => RANK[source.level] ?? 3;

export const word = level => t(`level.${level ?? 'unknown'}`);

/** The answer for one source. */
export function sentence(source) {
    const good = source.newestGood;
    if (good && (source.level === 'OK' || source.level === 'NEW')) return t('answer.safe', { age: duration(source.ageSeconds) });
    if (source.level === 'NEW') return source.nextRun ? t('answer.new', { when: relative(source.nextRun) }) : t('answer.new.unplanned');
    if (!good) return t('answer.none');
    return t('answer.old', { age: duration(source.ageSeconds) });
}

/** The age of the newest good backup beside what is tolerated. */
export function RpoBar({ source }) {
    const { warningSeconds: warning, criticalSeconds: critical } = source.rpo ?? {};
    if (!critical) return null;
    const end = critical * 1.150;
    const age = source.ageSeconds;
    const none = age === null || age === undefined;
    const shown = none ? (source.level === 'NEW' ? 0 : 1) : Math.min(1, age / end);
    const state = none || age >= critical ? 'critical' : age >= warning ? 'warning' : 'good';
    return html`<div class="rpo">
        <svg viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label=${t('rpo.label', { age: duration(age), warning: duration(warning), critical: duration(critical) })}>
            <rect class="track" width="100" height="10"/><rect class="fill ${state}" width=${shown * 100} height="10"/>
            <path d="M${(warning / end) * 100} 0v10M${(critical / end) * 100} 0v10"/></svg>
        <p class="quiet"><span>${t('rpo.age', { age: duration(age) })}</span><span>${t('rpo.limits', { warning: duration(warning), critical: duration(critical) })}</span></p></div>`;
}

/** When it is nearly full, if all goes on as it does. */
function forecast(space) {
    if (!space.forecast) return t('disk.unknown');
    const { criticalOn } = space.forecast;
    if (!criticalOn) return t('disk.year');
    return new Date(criticalOn) <= now.value ? t('disk.critical') : t('disk.on', { when: relative(criticalOn), date: criticalOn });
}

/** What is free, counted in backups like the newest too, and the growth that the forecast is made of. */
const room = ({ disk: { availableBytes, forecast: growth }, newestGood }) => [
    t('disk.free', { free: bytes(availableBytes) }),
    newestGood?.sizeBytes > 0 && availableBytes !== null && t('disk.room', { number: Math.floor(availableBytes / newestGood.sizeBytes) }),
    growth && t('disk.growth', { bytes: bytes(Math.abs(growth.bytesPerDay)), sign: growth.bytesPerDay < 0 ? '−' : '+' }),
].filter(Boolean).join(' · ');

/** @param whole Whether there is room for what it follows from */
export function disk(source, whole) {
    const { disk: space } = source;
    if (!space) return '—';
    if (space.error) return html`<${Badge} state="failure">${space.error}<//>`;
    return html`<span class="figure" title=${room(source)}>${percent(space.usedRatio)}</span> <span class="quiet">${forecast(space)}</span>${whole && html`<span class="quiet">${room(source)}</span>`}`;
}

export const recovery = source => (source.lastDrill
    ? html`<span class="figure">${duration(source.lastDrill.seconds)}</span> ${source.lastDrill.result === 'success' ? html`<span class="quiet">${relative(source.lastDrill.at)}</span>` : html`<${Badge} state="failure">${t('result.failure')}<//>`}`
    : html`<span class="quiet">${t('drill.never')}</span>`);

export const nextRun = source => (source.nextRun ? html`<span class="clock" title=${clock(source.nextRun, true)}>${relative(source.nextRun)}</span>` : html`<span class="quiet">${t('unplanned')}</span>`);

const Card = ({ source }) => html`
    <article class="card source ${tone(source.level)}" aria-labelledby=${`source-${source.source}`}>
        <header><${StateIcon} state=${source.level} big/>
            <div><h2 id=${`source-${source.source}`}><a href=${to('source', source.source)}>${source.source}</a></h2><p class="word">${word(source.level)}</p></div></header>
        <p class="answer">${sentence(source)}</p>
        ${source.reasons?.length > 0 && html`<ul class="reasons">${source.reasons.slice(0, 3).map(reason => html`<li>${reason}</li>`)}</ul>`}
        <${RpoBar} source=${source}/>
        <${Facts} of=${[[t('fact.next'), nextRun(source)], [t('fact.recovery'), recovery(source)], [t('fact.disk'), disk(source)]]}/>
        <${Calendar} source=${source.source}/>
        <footer>${source.running ? html`<a href=${to('runs', source.running)}><${Badge} state="running">${t('result.running')}<//></a>` : html`<${BackUpNow} source=${source.source} short/>`}
            <a class="button" href=${to('restore', source.source)} aria-label=${`${t('restore')}: ${source.source}`}>${t('restore')}</a></footer>
    </article>`;

function Answer({ sources }) {
    const bad = sources.filter(source => rank(source) < 4);
    const worst = [...sources].sort((a, b) => rank(a) - rank(b))[0];
    const level = bad.length > 0 ? worst.level : sources.every(source => source.level === 'NEW') ? 'NEW' : 'OK';
    const text = bad.length > 0 ? t('answer.all.bad', { number: bad.length, total: sources.length }) : level === 'NEW' ? t('answer.all.new') : t('answer.all.safe', { total: sources.length });
    return html`<p class="verdict ${tone(level)}" role="status"><${StateIcon} state=${level} big/><span>${text}</span></p>`;
}

export function Overview() {
    const { data, problem, reload } = useLoad(`sources?${query({ lang: language.value })}`, { every: 15 });
    const [words, setWords] = useState('');
    const [page, setPage] = useState(0);
    const title = t('nav.overview');
    if (!data) return html`<${Heading} title=${title}>${t('question')}<//>${problem ? html`<${Trouble} problem=${problem} again=${reload}/>` : html`<div class="verdict idle"><${Skeleton} lines=${1}/></div><div class="cards">${[1, 2, 3].map(() => html`<div class="card source idle"><${Skeleton} lines=${14}/></div>`)}</div>`}`;
    if (data.length === 0) return html`<${Heading} title=${title}>${t('question')}<//><${Empty} title=${t('empty.sources')}>${t('empty.sources.next')}<//>`;

    const found = data.filter(source => source.source.toLowerCase().includes(words.toLowerCase())).sort((a, b) => rank(a) - rank(b) || (a.source < b.source ? -1 : 1));
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    const at = Math.min(page, pages - 1);
    return html`
        <${Heading} title=${title}>${t('question')}<//>
        ${problem && html`<${Trouble} problem=${problem} again=${reload}/>`}
        <${Answer} sources=${data}/>
        ${data.length > PAGE && html`<div class="filters"><label class="field"><span>${t('filter.source')}</span>
            <input type="search" value=${words} onInput=${event => { setWords(event.target.value); setPage(0); }}/></label></div>`}
        <div class=${found.length === 1 ? 'cards single' : 'cards'}>${found.slice(at * PAGE, (at + 1) * PAGE).map(source => html`<${Card} key=${source.source} source=${source}/>`)}</div>
        ${pages > 1 && html`<div class="pager"><button class="plain" disabled=${at === 0} onClick=${() => setPage(at - 1)}>${t('pager.before')}</button>
            <span class="quiet" aria-live="polite">${t('pager.of', { page: at + 1, pages })}</span>
            <button class="plain" disabled=${at === pages - 1} onClick=${() => setPage(at + 1)}>${t('pager.after')}</button></div>`}`;
}
