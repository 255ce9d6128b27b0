// The past twelve weeks, a cell a day: the runbook's daily review at a glance.
import { html } from './html.js';
import { useLoad, Skeleton } from './parts.js';
import { day, month } from './time.js';
import { t } from './texts.js';

const DAYS = 84, SIZE = 13, STEP = 16, LEFT = 28, TOP = 16;
const STATES = ['good', 'failed', 'missing', 'corrupt', 'none'];

/** 0 is Monday. */
const weekday = date => (new Date(`${date}T00:00:00Z`).getUTCDay() + 6) % 7;

function Cell({ state, x, y, title }) {
    const inner = state === 'failed' ? `M${x + 3} ${y + SIZE - 3} ${x + SIZE - 3} ${y + 3}`
        : state === 'corrupt' ? `M${x + 3.500} ${y + 3.500} ${x + SIZE - 3.500} ${y + SIZE - 3.500}M${x + SIZE - 3.500} ${y + 3.500} ${x + 3.500} ${y + SIZE - 3.500}` : null;
    return html`<g class="day ${state}"><title>${title}</title>
        ${state === 'none' ? html`<circle cx=${x + SIZE / 2} cy=${y + SIZE / 2} r="2"/>` : html`<rect x=${x + 0.5} y=${y + 0.5} width=${SIZE - 1} height=${SIZE - 1} rx="2.500"/>`}
        ${inner && html`<path d=${inner}/>`}</g>`;
}

const count = days => STATES.slice(0, 4).map(state => [state, days.filter(one => one.state === state).length]).filter(([, number]) => number > 0);

export const daysInWords = days => count(days).map(([state, number]) => t('calendar.count', { number, state: t(`day.${state}`) })).join(t('list.comma')) || t('calendar.empty');

export function Days({ days }) {
    const first = weekday(days[0].date);
    const columns = Math.ceil((first + days.length) / 7);
    const at = index => [LEFT + Math.floor((first + index) / 7) * STEP, TOP + ((first + index) % 7) * STEP];
    const begins = days.map((one, index) => ({ index, date: one.date })).filter(({ index, date }) => date.endsWith('-01') && at(index)[0] < LEFT + (columns - 2) * STEP);
    return html`<svg class="calendar" viewBox="0 0 ${LEFT + columns * STEP} ${TOP + 7 * STEP}" width=${LEFT + columns * STEP} height=${TOP + 7 * STEP}
            role="img" aria-label=${t('calendar.label', { counts: daysInWords(days) })}>
        ${begins.map(({ index, date }) => html`<text x=${at(index)[0]} y="10">${month(date)}</text>`)}
        ${[0, 2, 4].map(row => html`<text x="0" y=${TOP + row * STEP + 10}>${t('weekdays').split(' ')[row]}</text>`)}
        ${days.map((one, index) => html`<${Cell} key=${one.date} state=${STATES.includes(one.state) ? one.state : 'none'} x=${at(index)[0]} y=${at(index)[1]} title=${`${day(one.date)}: ${t(`day.${one.state}`)}`}/>`)}
    </svg>`;
}

const Legend = () => html`<ul class="legend">${STATES.map(state => html`<li>
    <svg class="calendar" viewBox="0 0 ${SIZE} ${SIZE}" width=${SIZE} height=${SIZE} aria-hidden="true"><${Cell} state=${state} x="0" y="0" title=""/></svg>${t(`day.${state}`)}</li>`)}</ul>`;

export function Calendar({ source, legend }) {
    const { data, problem } = useLoad(`sources/${encodeURIComponent(source)}/days?count=${DAYS}`, { every: 300 });
    if (problem && !data) return html`<p class="quiet">${problem.message}</p>`;
    if (!data) return html`<div class="days"><${Skeleton} lines=${5}/></div>`;
    if (data.length === 0) return html`<p class="days quiet">${t('calendar.empty')}</p>`;
    const bad = data.filter(one => ['failed', 'missing', 'corrupt'].includes(one.state)).reverse();
    return html`<div class="days"><${Days} days=${data}/>
        ${legend && html`<${Legend}/>`}
        ${legend && bad.length > 0 && html`<details><summary>${t('calendar.bad', { number: bad.length })}</summary>
            <ul>${bad.map(one => html`<li>${day(one.date)}: ${t(`day.${one.state}`)}</li>`)}</ul></details>`}</div>`;
}
