// What several places of the page are made of.
import { useEffect, useRef, useState } from './vendor/hooks.js';
import { html } from './html.js';
import { language, me, may, route } from './state.js';
import { get } from './api.js';
import { clock, relative } from './time.js';
import { t } from './texts.js';
import { Glyph, StateIcon, tone } from './icons.js';

/** Asks for a path, again when it changes, and every so many seconds while somebody looks. */
export function useLoad(path, { every = 0, read = get } = {}) {
    const [answer, setAnswer] = useState({ data: null, problem: null, path: null });
    const [asked, ask] = useState(0);
    useEffect(() => {
        if (path === null) return undefined;
        const abort = new AbortController();
        const load = () => read(path, abort.signal).then(
            data => setAnswer({ data, problem: null, path }),
            problem => { if (problem.name !== 'AbortError') setAnswer(before => ({ data: before.path === path ? before.data : null, problem, path })); });
        load();
        const timer = every > 0 ? setInterval(() => { if (!document.hidden) load(); }, every * 1000) : null;
        return () => { abort.abort(); clearInterval(timer); };
    }, [path, asked, every]);
    return { ...answer, data: answer.path === path ? answer.data : null, reload: () => ask(count => count + 1) };
}

/** Heading of a place: the window's title too, and where the keyboard goes on after a change of place. */
export function Heading({ children, title, aside }) {
    const heading = useRef(null);
    const place = route.value.path.join('/');
    useEffect(() => {
        document.title = `${title ?? children} · Nexus Backup Agent`;
    }, [title, children, language.value]);
    useEffect(() => {
        if (Heading.moved) heading.current?.focus({ preventScroll: true });
        Heading.moved = true;
    }, [place]);
    return html`<div class="heading"><h1 tabindex="-1" ref=${heading}>${children}</h1>${aside}</div>`;
}

/** A state in word, colour and shape. */
export const Badge = ({ state, children }) => html`<span class="badge ${tone(state)}"><${StateIcon} state=${state}/>${children}</span>`;

/** An instant in the configured zone, with its distance from now. */
export const When = ({ at, ahead }) => (at
    ? html`<time datetime=${at} title=${clock(at, true)}><span class="clock">${clock(at)}</span> <span class="quiet">${relative(at)}</span></time>`
    : html`<span class="quiet">${ahead ?? '—'}</span>`);

/** What failed, on what and why, and the next step. */
export const Trouble = ({ problem, again }) => problem && html`
    <div class="trouble" role="alert">
        <${StateIcon} state="failed"/>
        <div>
            <p>${problem.message}</p>
            ${problem.hint && html`<p class="hint">${t('next')}: ${problem.hint}</p>`}
            ${again && html`<button class="plain" onClick=${again}>${t('again')}</button>`}
        </div>
    </div>`;

export const Skeleton = ({ lines = 3, tall }) => html`
    <div class="skeleton ${tall ? 'tall' : ''}" role="status" aria-label=${t('loading')}>${Array.from({ length: lines }, () => html`<span></span>`)}</div>`;

export const Empty = ({ title, children }) => html`<div class="empty"><h2>${title}</h2><p>${children}</p></div>`;

const ROLE_OF = { backup: 'operator', verify: 'operator', drill: 'operator', download: 'operator', restore: 'admin', prune: 'admin', configure: 'admin', audit: 'admin' };

/** Why somebody may not do that; null when they may. */
export function refusal(action) {
    if (may(action)) return null;
    if (!me.value?.user) return t('refused.nobody', { role: t(`role.${ROLE_OF[action]}`) });
    return t('refused.role', { role: t(`role.${ROLE_OF[action]}`), mine: t(`role.${me.value.role}`) });
}

let described = 0;

/** A button for what a role may or may not do: not allowed is shown, with the reason. */
export function Act({ action, kind = 'plain', onClick, busy, disabled, label, children }) {
    const [id] = useState(() => `why-${++described}`);
    const why = refusal(action);
    if (why) {
        return html`<span class="act">
            <button class="${kind} refused" aria-disabled="true" aria-label=${label} aria-describedby=${id} title=${why}><${Glyph} name="lock"/>${children}</button>
            <small id=${id} class="quiet">${why}</small></span>`;
    }
    return html`<span class="act"><button class=${kind} aria-label=${label} onClick=${onClick} disabled=${disabled || busy} aria-busy=${busy ? 'true' : undefined}>${children}</button></span>`;
}

export function Copy({ text, children }) {
    const [copied, setCopied] = useState(false);
    const copy = async () => {
        try {
            await navigator.clipboard.writeText(text);
        } catch { // a browser gives the clipboard to secure pages only
            const area = document.createElement('textarea');
            area.value = text;
            area.className = 'unseen';
            document.body.append(area);
            area.select();
            document.execCommand('copy');
            area.remove();
        }
        setCopied(true);
        setTimeout(() => setCopied(false), 2000);
    };
    return html`<button class="plain" onClick=${copy}><span aria-live="polite">${copied ? t('copied') : children ?? t('copy')}</span></button>`;
}

export const Commands = ({ lines }) => html`
    <div class="commands"><pre tabindex="0"><code>${lines.join('\n')}</code></pre><${Copy} text=${lines.join('\n')}/></div>`;

/** A row of facts: a word, and beneath it what is the case. */
export const Facts = ({ of }) => html`<dl class="facts">${of.filter(Boolean).map(([word, fact]) => html`<div><dt>${word}</dt><dd>${fact}</dd></div>`)}</dl>`;

/** Tabs are links: each has an address of its own. */
export const Tabs = ({ label, of, current }) => html`
    <nav class="tabs" aria-label=${label}>${of.map(([key, word, href]) => html`<a href=${href} aria-current=${key === current ? 'page' : undefined}>${word}</a>`)}</nav>`;

/** Rows of a list under names; on a phone each row is a card. */
export const Table = ({ caption, columns, rows, keyOf }) => html`
    <div class="table"><table>
        <caption class="unseen">${caption}</caption>
        <thead><tr>${columns.map(column => html`<th scope="col" class=${column.figure ? 'figure' : ''}>${column.name}</th>`)}</tr></thead>
        <tbody>${rows.map(row => html`<tr key=${keyOf(row)}>${columns.map(column => html`<td data-name=${column.name} class=${column.figure ? 'figure' : column.wide ? 'wide' : ''}>${column.of(row)}</td>`)}</tr>`)}</tbody>
    </table></div>`;

/** One page of a list after the other, by the links that the agent gives. */
export function usePages(first, read, every = 0) {
    const [at, setAt] = useState({ first, trail: [first] });
    const trail = at.first === first ? at.trail : [first];
    const page = useLoad(trail.at(-1), { read, every: trail.length === 1 ? every : 0 });
    const pager = html`
        <div class="pager">
            <button class="plain" disabled=${trail.length === 1} onClick=${() => setAt({ first, trail: trail.slice(0, -1) })}>${t('pager.before')}</button>
            <span class="quiet" aria-live="polite">${t('pager.page', { page: trail.length })}${page.data?.total != null ? ` · ${t('pager.total', { total: page.data.total })}` : ''}</span>
            <button class="plain" disabled=${!page.data?.next} onClick=${() => setAt({ first, trail: [...trail, page.data.next] })}>${t('pager.after')}</button>
        </div>`;
    return { ...page, pager };
}

/** A choice whose value is part of the address. */
export const Choice = ({ name, value, of, onChange }) => html`
    <label class="field"><span>${name}</span><select value=${value} onChange=${event => onChange(event.target.value)}>
        ${of.map(([key, word]) => html`<option value=${key} selected=${key === value}>${word}</option>`)}</select></label>`;
