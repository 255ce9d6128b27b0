// What the whole page knows: who looks, in which language, where, and what time it is.
import { signal, effect } from './vendor/signals.js';

/** A value that outlives the page, where the browser keeps values. */
function kept(name, otherwise) {
    const key = `nexus-backup.${name}`;
    let first = null;
    try { first = localStorage.getItem(key); } catch { /* kept by no one */ }
    const value = signal(first ?? otherwise);
    value.keep = chosen => {
        value.value = chosen;
        try { localStorage.setItem(key, chosen); } catch { /* for this page only */ }
    };
    return value;
}

function languageOfBrowser() {
    const known = (navigator.languages ?? [navigator.language]).map(one => one.slice(0, 2)).find(one => one === 'ja' || one === 'en');
    return known ?? 'en';
}

export const language = kept('language', languageOfBrowser());
export const theme = kept('theme', 'system');

/** Null until asked; then {user, role, can, reason, timeZone, version}. */
export const me = signal(null);
export const now = signal(Date.now());
export const route = signal(readRoute());

export const may = action => me.value?.can?.includes(action) ?? false;

effect(() => {
    const root = document.documentElement;
    root.lang = language.value;
    if (theme.value === 'system') delete root.dataset.theme;
    else root.dataset.theme = theme.value;
});

setInterval(() => { now.value = Date.now(); }, 10_000);
addEventListener('hashchange', () => { route.value = readRoute(); });

function readRoute() {
    const [path, query] = location.hash.replace(/^#\/?/, '').split('?');
    return { path: path.split('/').filter(Boolean).map(decode), query: new URLSearchParams(query ?? '') };
}

function decode(part) {
    try { return decodeURIComponent(part); } catch { return part; }
}

/** The hash of a place in the page: names may hold anything. */
export function to(...path) {
    const query = typeof path.at(-1) === 'object' ? path.pop() : {};
    const set = Object.entries(query).filter(([, value]) => value);
    return `#/${path.map(encodeURIComponent).join('/')}${set.length ? `?${new URLSearchParams(set)}` : ''}`;
}

export const go = (...path) => { location.hash = to(...path); };
