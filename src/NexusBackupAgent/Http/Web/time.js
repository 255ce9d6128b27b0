// Times in the configured zone, ages, durations and sizes, as a person of the page's language writes them.
import { language, me, now } from './state.js';

const made = new Map();
function format(kind, options) {
    const key = `${language.value} ${kind.name} ${JSON.stringify(options)}`;
    if (!made.has(key)) made.set(key, new kind(language.value === 'ja' ? 'ja-JP' : 'en-GB', options));
    return made.get(key);
}

const zoned = options => format(Intl.DateTimeFormat, { timeZone: me.value?.timeZone ?? undefined, ...options });

/** 2026-11-30 02:00, in the configured zone; the same in both languages, as in file names. */
export function clock(iso, seconds = false) {
    if (!iso) return '—';
    const parts = Object.fromEntries(zoned({ year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })
        .formatToParts(new Date(iso)).map(part => [part.type, part.value]));
    return `${parts.year}-${parts.month}-${parts.day} ${parts.hour}:${parts.minute}${seconds ? `:${parts.second}` : ''}`;
}

export const day = date => format(Intl.DateTimeFormat, { timeZone: 'UTC', month: 'short', day: 'numeric', weekday: 'short' }).format(new Date(`${date}T00:00:00Z`));
export const month = date => format(Intl.DateTimeFormat, { timeZone: 'UTC', month: 'short' }).format(new Date(`${date}T00:00:00Z`));

const UNITS = [['day', 86_400], ['hour', 3_600], ['minute', 60], ['second', 1]];
const unitOf = seconds => UNITS.find(([, size]) => Math.abs(seconds) >= size * (size === 86_400 ? 2 : size === 1 ? 0 : 1)) ?? UNITS[3];

/** 3 hr, 2 days, 1.5 sec. */
export function duration(seconds) {
    if (seconds === null || seconds === undefined) return '—';
    const [unit, size] = unitOf(seconds);
    const value = seconds / size;
    const digits = value > 0 && value < 0.100 && unit === 'second' ? 2 : value < 10 && unit === 'second' ? 1 : value < 10 && unit === 'hour' ? 1 : 0;
    return format(Intl.NumberFormat, { style: 'unit', unit, unitDisplay: language.value === 'ja' ? 'short' : 'long', maximumFractionDigits: digits }).format(value);
}

/** 3 hours ago, in 2 days; of an instant beside now. */
export function relative(iso) {
    if (!iso) return '';
    const seconds = (new Date(iso) - Math.max(now.value, Date.now())) / 1000; // the page's clock ticks seldom: what has just begun is not ahead
    const [unit, size] = unitOf(seconds);
    const count = Math.round(seconds / size) || 0;
    return format(Intl.RelativeTimeFormat, { numeric: count === 0 ? 'auto' : 'always' }).format(count, unit);
}

export function bytes(count) {
    if (count === null || count === undefined) return '—';
    const steps = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
    let step = 0;
    while (count >= 1024 && step < steps.length - 1) { count /= 1024; step += 1; }
    return `${format(Intl.NumberFormat, { maximumSignificantDigits: 3 }).format(count)} ${steps[step]}`;
}

export const percent = ratio => (ratio === null || ratio === undefined ? '—' : format(Intl.NumberFormat, { style: 'percent' }).format(ratio));
export const number = value => format(Intl.NumberFormat, {}).format(value);
