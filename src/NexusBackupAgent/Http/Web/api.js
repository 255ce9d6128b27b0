// The agent's HTTP API. A request that changes state says that this page made it: another site can't send that header.
import { me } from './state.js';
import { t } from './texts.js';

/** What went wrong, as the command line would say it (RFC 9457). */
export class Problem extends Error {
    constructor(status, document) {
        super(document.detail ?? document.title ?? t('problem.status', { status }));
        this.status = status;
        this.hint = document.hint ?? null;
        this.runs = document.runs ?? null; // what was begun all the same, and has failed by now
    }
}

async function ask(path, options = {}) {
    let response;
    try {
        response = await fetch(`/api/v1/${path}`, { credentials: 'same-origin', ...options });
    } catch (failure) {
        if (failure.name === 'AbortError') throw failure;
        throw new Problem(0, { detail: t('problem.unreachable'), hint: t('problem.unreachable.hint') });
    }
    if (response.ok || (path === 'health' && response.status === 503)) return response;
    const problem = new Problem(response.status, await response.json().catch(() => ({})));
    if (response.status === 401 && me.value?.role) await whoAmI(); // the session has ended
    throw problem;
}

const read = async response => (response.status === 204 ? null : response.json());

export const get = async (path, signal) => read(await ask(path, { signal }));

export const post = async (path, body = {}) => read(await ask(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Nexus-Backup': 'page' },
    body: JSON.stringify(body),
}));

/** One page of a list: {items, next, total}; next is a path to ask for, or null. */
export async function getPage(path, signal) {
    const response = await ask(path, { signal });
    const link = /<([^>]+)>\s*;\s*rel="?next"?/.exec(response.headers.get('Link') ?? '')?.[1];
    const next = link ? new URL(link, location.href) : null;
    const total = response.headers.get('X-Total-Count');
    return {
        items: await response.json(),
        next: next ? `${next.pathname}${next.search}`.replace(/^\/api\/v1\//, '') : null,
        total: total === null ? null : Number(total),
    };
}

/** Lists of runs have no link: what comes after is what came before the last one. */
export async function getRuns(path, signal) {
    const items = await get(path, signal);
    const [place, asked] = path.split('?');
    const next = new URLSearchParams(asked);
    next.set('before', items.at(-1)?.id ?? '');
    return { items, next: items.length >= Number(next.get('limit')) ? `${place}?${next}` : null, total: null };
}

export async function whoAmI() {
    me.value = await get('auth/me').catch(problem => ({ user: null, role: null, can: [], reason: problem.message, hint: problem.hint }));
}

// A session lasts an hour, and is renewed while somebody has the page open.
setInterval(() => {
    const until = me.value?.user && me.value.expiresAt;
    if (until && new Date(until) - Date.now() < 20 * 60_000) post('auth/renew').then(whoAmI, () => null);
}, 60_000);

/** Query parameters, without those that are empty. */
export const query = values => new URLSearchParams(Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== '')).toString();

export const runPath = id => `runs/${encodeURIComponent(id)}`;

/** Tells of a run's progress until it ends. @returns what stops the telling. */
export function follow(id, onProgress, onEnd) {
    let timer = null;
    const events = new EventSource(`/api/v1/${runPath(id)}/events`);
    const stop = () => { events.close(); clearTimeout(timer); };
    const end = run => { stop(); onEnd(run); };
    const poll = async () => {
        const run = await get(runPath(id)).catch(() => null);
        if (run && run.endedAt) end(run);
        else timer = setTimeout(poll, 2000);
    };
    events.addEventListener('progress', event => onProgress(JSON.parse(event.data)));
    events.addEventListener('end', event => end(JSON.parse(event.data)));
    events.addEventListener('error', () => { if (events.readyState === EventSource.CLOSED) poll(); });
    return stop;
}
