// Restore points from today backwards. Time is drawn by its logarithm, as retention thins it out: the past day is as wide as the past month.
import { useEffect, useRef, useState } from './vendor/hooks.js';
import { html } from './html.js';
import { clock, duration, relative } from './time.js';
import { now } from './state.js';
import { t } from './texts.js';

const HEIGHT = 64, EDGE = 16, BASE = 28, APART = 64, GRASP = 8;
const MARKS = [3600, 21_600, 86_400, 604_800, 2_592_000, 31_536_000];

export const isRestorable = backup => (backup.state === 'good' || backup.state === 'unverified') && !backup.brokenChain;

/** The width that there is: dots stay dots and letters letters, on a phone and on a wide screen. */
function useWidth() {
    const element = useRef(null);
    const [width, setWidth] = useState(640);
    useEffect(() => {
        const watcher = new ResizeObserver(([entry]) => setWidth(Math.max(240, Math.round(entry.contentRect.width))));
        watcher.observe(element.current);
        return () => watcher.disconnect();
    }, []);
    return [element, width];
}

/** Whether any instant from the first to the last can be restored to, and not one alone. */
export const isStretch = window => window.first !== window.last;

/** @param backups newest first  @param windows where any instant can be restored to; null or empty: nowhere  @param chosen the chosen one's id; null where nothing is chosen
 *  @param instant the chosen one between the points; null: a point is  @param onChoose absent: only to look at  @param onInstant takes one */
export function Timeline({ backups, windows, chosen, instant, onChoose, onInstant }) {
    const [frame, width] = useWidth();
    const since = iso => Math.max(60, (now.value - new Date(iso)) / 1000);
    const age = backup => since(backup.capturedAt);
    const bars = (windows ?? []).filter(isStretch);
    const oldest = Math.max(86_400, ...backups.map(age)) * 1.100;
    const x = seconds => width - EDGE - (Math.log(seconds / 60) / Math.log(oldest / 60)) * (width - 2 * EDGE);
    const points = backups.filter(isRestorable).reverse();
    const index = points.findIndex(backup => backup.id === chosen);
    const step = by => onChoose(points[Math.min(points.length - 1, Math.max(0, index + by))].id);
    const nearest = event => {
        const at = event.clientX - event.currentTarget.getBoundingClientRect().left;
        if (onInstant && bars.some(bar => x(since(bar.first)) < at && at < x(since(bar.last))) && !points.some(point => Math.abs(x(age(point)) - at) < GRASP)) {
            const seconds = 60 * (oldest / 60) ** ((width - EDGE - at) / (width - 2 * EDGE));
            onInstant(new Date(now.value - seconds * 1000).toISOString());
            return;
        }
        onChoose(points.reduce((best, one) => (Math.abs(x(age(one)) - at) < Math.abs(x(age(best)) - at) ? one : best)).id);
    };
    const drawn = new Set(); // of many that lie on one another, one
    const shown = backups.filter(backup => {
        const place = `${isRestorable(backup)} ${Math.round(x(age(backup)) / 3)}`;
        if (backup.id !== chosen && drawn.has(place)) return false;
        drawn.add(place);
        return true;
    });
    const marks = MARKS.filter(mark => x(mark) > EDGE + 24)
        .reduce((kept, mark) => (kept.length > 0 && x(kept.at(-1)) - x(mark) < APART ? kept : [...kept, mark]), []); // their words don't touch
    const choosing = onChoose && points.length > 0;
    return html`<div class="timeline" ref=${frame}>
        ${choosing && html`<input class="unseen" type="range" min="0" max=${points.length - 1} value=${index} aria-label=${t('timeline.choose')}
            aria-valuetext=${index < 0 ? '' : `${clock(points[index].capturedAt, true)}, ${relative(points[index].capturedAt)}`}
            onInput=${event => onChoose(points[Number(event.target.value)].id)}/>`}
        <svg width=${width} height=${HEIGHT} viewBox="0 0 ${width} ${HEIGHT}" role="img" aria-label=${t('timeline.label', { number: points.length })} onClick=${choosing ? nearest : undefined}>
            <path class="axis" d="M${EDGE} ${BASE}H${width - EDGE}"/>
            ${marks.map(mark => html`<g class="mark"><path d="M${x(mark)} ${BASE - 5}v10"/><text x=${x(mark)} y=${HEIGHT - 8} text-anchor="middle">${duration(mark)}</text></g>`)}
            <text x=${width - EDGE} y=${HEIGHT - 8} text-anchor="end">${t('now')}</text>
            ${bars.map(bar => html`<g class="window"><title>${t('window.from', { first: clock(bar.first, true), last: clock(bar.last, true) })}</title>
                <rect x=${x(since(bar.first))} y=${BASE - 6} width=${Math.max(2, x(since(bar.last)) - x(since(bar.first)))} height="12"/></g>`)}
            ${shown.map(backup => html`<g key=${backup.id} class="point ${isRestorable(backup) ? backup.type : 'lost'} ${backup.id === chosen ? 'chosen' : ''}">
                <title>${clock(backup.capturedAt, true)} · ${t(`type.${backup.type}`)} · ${t(`state.${backup.state}`)}</title>
                ${isRestorable(backup)
                    ? html`<circle cx=${x(age(backup))} cy=${BASE} r=${backup.id === chosen ? 8 : backup.type === 'full' ? 6 : 5}/>`
                    : html`<path d="M${x(age(backup)) - 4} ${BASE - 4}l8 8m0-8-8 8"/>`}</g>`)}
            ${instant && html`<path class="instant" d="M${x(since(instant))} ${BASE - 14}v28"/>`}
        </svg>
        ${choosing && html`<div class="buttons"><button type="button" class="plain" disabled=${index <= 0} onClick=${() => step(-1)}>${t('timeline.older')}</button>
            <button type="button" class="plain" disabled=${index === points.length - 1} onClick=${() => step(1)}>${t('timeline.newer')}</button></div>`}
    </div>`;
}
