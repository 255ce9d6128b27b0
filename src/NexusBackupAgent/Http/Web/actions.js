// What a person starts here, and how it goes.
import { useEffect, useState } from './vendor/hooks.js';
import { html } from './html.js';
import { follow, post } from './api.js';
import { Act, Badge, Trouble } from './parts.js';
import { bytes, duration, percent } from './time.js';
import { go, to } from './state.js';
import { t } from './texts.js';

/** Starts something and tells how it went; the runs that it began are in `runs`. */
export function useStart(path) {
    const [state, setState] = useState({ busy: false, problem: null, runs: null });
    const start = async body => {
        setState({ busy: true, problem: null, runs: null });
        try {
            const { runs } = await post(path, body);
            setState({ busy: false, problem: null, runs });
            return runs;
        } catch (problem) {
            setState({ busy: false, problem: problem.runs ? null : problem, runs: problem.runs });
            return problem.runs;
        }
    };
    return { ...state, start };
}

/** A run that has not ended. */
export const isOpen = run => run.result === 'running' || run.result === 'waiting';

/** One button: starts it and goes to the run. */
export function StartButton({ action, path, body, kind, children, label }) {
    const { busy, problem, start } = useStart(path);
    const press = async () => {
        const runs = await start(body);
        if (runs?.length === 1) go('runs', runs[0].id);
        else if (runs) go('runs');
    };
    return html`<${Act} action=${action} kind=${kind} busy=${busy} onClick=${press} label=${label}>${children}<//>
        ${problem && html`<${Trouble} problem=${problem}/>`}`;
}

export const BackUpNow = ({ source, type, short }) => html`
    <${StartButton} action="backup" path="backup" kind=${short ? 'soft' : 'primary'} body=${{ source: source || undefined, type: type || undefined }}
        label=${short ? `${t('backup.now')}: ${source}` : undefined}>${t('backup.now')}<//>`;

/** How far a run is, while it goes on. */
export function Progress({ run, onEnd }) {
    const [at, setAt] = useState(run.progress ?? null);
    useEffect(() => follow(run.id, setAt, onEnd), [run.id]);
    const known = at?.fraction !== null && at?.fraction !== undefined;
    return html`<div class="progress">
        <p><${Badge} state="running">${t(`kind.${run.kind}`)}: ${at ? t(`stage.${at.stage}`) : t(`result.${run.result}`)}<//> <span class="figure">${known ? percent(at.fraction) : ''}</span></p>
        <progress max="1" value=${known ? at.fraction : undefined} aria-label=${t('progress.label', { source: run.source })}></progress>
        <p class="quiet figure">${at ? [
            at.bytes > 0 && (at.totalBytes ? `${bytes(at.bytes)} / ${bytes(at.totalBytes)}` : bytes(at.bytes)),
            at.bytesPerSecond > 0 && `${bytes(at.bytesPerSecond)}/s`,
            at.secondsLeft > 0 && t('progress.left', { time: duration(at.secondsLeft) }),
        ].filter(Boolean).join(' · ') : ' '}</p>
    </div>`;
}

/** A run in one line, with its progress or its outcome; used wherever something was started. */
export function LiveRun({ run: first, onEnd }) {
    const [run, setRun] = useState(first);
    const end = ended => { setRun(ended); onEnd?.(ended); };
    if (isOpen(run)) return html`<${Progress} run=${run} onEnd=${end}/>`;
    return html`<div class="outcome"><p><${Badge} state=${run.result}>${t(`kind.${run.kind}`)}: ${t(`result.${run.result}`)}<//>
            <span class="quiet"> ${run.source} · ${duration(run.seconds)}</span> <a href=${to('runs', run.id)}>${t('run.open')}</a></p>
        ${run.message && html`<p>${run.message}</p>`}
        ${run.hint && html`<p class="hint">${t('next')}: ${run.hint}</p>`}</div>`;
}
