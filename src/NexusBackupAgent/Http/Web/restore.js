// A restore in steps: choose an instant, see the plan, confirm by the source's name, watch it, see the result with the way back.
import { useEffect, useState } from './vendor/hooks.js';
import { html } from './html.js';
import { get, post, query, runPath } from './api.js';
import { Act, Badge, Commands, Empty, Facts, Heading, Skeleton, Trouble, useLoad, When } from './parts.js';
import { isRestorable, isStretch, Timeline } from './timeline.js';
import { isOpen, Progress } from './actions.js';
import { bytes, clock, duration } from './time.js';
import { now, route, to } from './state.js';
import { t } from './texts.js';

const STEPS = ['choose', 'plan', 'confirm', 'watch', 'result'];

const Steps = ({ at }) => html`<ol class="steps" aria-label=${t('restore.steps')}>${STEPS.map((step, index) => html`
    <li class=${index < STEPS.indexOf(at) ? 'done' : ''} aria-current=${step === at ? 'step' : undefined}><span>${index + 1}</span>${t(`restore.step.${step}`)}</li>`)}</ol>`;

export const Result = ({ restore }) => html`
    <section class="card"><h2>${t('restore.result')}</h2>
        <p><${Badge} state=${restore.result === 'restored' ? 'success' : 'failure'}>${t(`restore.${restore.result}`)}<//></p>
        ${restore.message && html`<${Trouble} problem=${restore}/>`}
        <${Facts} of=${[[t('restore.target'), html`<span class="id">${restore.target ?? '—'}</span>`], [t('restore.from'), html`<${When} at=${restore.recoveredTo ?? restore.capturedAt}/>`], [t('column.duration'), duration(restore.seconds)]]}/>
        ${restore.safetyCopy && html`<h3>${t('restore.back')}</h3><p>${t('restore.back.text')}</p><${Commands} lines=${[restore.safetyCopy, ...(restore.setAside ?? [])]}/>`}
        ${restore.chown && html`<${Commands} lines=${[restore.chown]}/>`}</section>`;

function Plan({ plan, places, setPlaces }) {
    const { plan: facts } = plan;
    return html`
        <${Facts} of=${[
            [t('restore.from'), plan.recoveredTo ? clock(plan.recoveredTo, true) : html`<${When} at=${plan.capturedAt}/>`], [t('restore.target'), html`<span class="id">${plan.target}</span>`],
            [t('restore.lost'), t('restore.lost.text', { age: duration(plan.ageSeconds) })],
            [t('restore.overwrites'), facts.overwritesBytes > 0 ? bytes(facts.overwritesBytes) : t(plan.safetyCopy ? 'restore.overwrites.there' : 'restore.overwrites.none')],
            [t('restore.last'), facts.lastDrillSeconds == null ? t('drill.never') : duration(facts.lastDrillSeconds)],
            [t('restore.room'), t('restore.room.text', { needed: bytes(facts.neededBytes), free: bytes(facts.availableBytes) })],
        ]}/>
        <p>${plan.reason}</p>
        <h3>${t('restore.chain')}</h3><ol class="chain">${facts.chain.map(file => html`<li class="id">${file}</li>`)}</ol>
        ${facts.tablespaces?.length > 0 && html`<h3>${t('restore.tablespaces')}</h3>${facts.tablespaces.map(one => html`
            <label class="field"><span class="id">${one.from} →</span><input class="id" required value=${places[one.from] ?? one.to} spellcheck="false" onInput=${event => setPlaces({ ...places, [one.from]: event.target.value })}/></label>`)}`}
        ${plan.safetyCopy && html`<p>${t('restore.safety')} <span class="id">${plan.safetyCopy}</span></p>`}
        ${plan.passedOver?.length > 0 && html`<h3>${t('restore.passed')}</h3><ul>${plan.passedOver.map(one => html`<li><span class="id">${one.file}</span>: ${one.reason}</li>`)}</ul>`}
        ${facts.openIn?.length > 0 && html`<${Trouble} problem=${{ message: t('restore.open', { programs: facts.openIn.map(one => `${one.command} (${one.process})`).join(', ') }), hint: t('restore.open.hint') }}/>`}
        ${facts.before?.length > 0 && html`<h3>${t('restore.before')}</h3><${Commands} lines=${facts.before}/>`}
        ${facts.after?.length > 0 && html`<h3>${t('restore.after')}</h3><${Commands} lines=${facts.after}/>`}`;
}

/** An instant between two backups, to the second, in the configured zone, as the page and the agent write it. */
const Instant = ({ windows, instant, setInstant }) => html`<label class="field narrow"><span>${t('restore.instant')}</span>
    <input type="datetime-local" step="1" value=${instant ? local(instant) : ''} min=${local(windows.at(-1).first)} max=${local(windows[0].last)}
        onInput=${event => setInstant(event.target.value.length === 16 ? `${event.target.value}:00` : event.target.value || null)}/>
    <small class="quiet">${windows.map(window => t('window.from', { first: clock(window.first, true), last: clock(window.last, true) })).join(t('list.comma'))}</small></label>`;

const local = at => (at.endsWith('Z') ? clock(at, true).replace(' ', 'T') : at);

function Choose({ backups, windows, chosen, setChosen, instant, setInstant, onPlan, busy }) {
    const [place, setPlace] = useState('live');
    const [path, setPath] = useState('');
    const backup = backups.find(one => one.id === chosen);
    const stretches = (windows ?? []).filter(isStretch);
    const submit = event => { event.preventDefault(); onPlan(place === 'live' ? null : path); };
    const choose = id => { setInstant(null); setChosen(id); };
    return html`<form class="card" onSubmit=${submit}>
        <h2>${t('restore.step.choose')}</h2>
        <${Timeline} backups=${backups} windows=${windows} chosen=${instant ? null : chosen} instant=${instant?.endsWith('Z') ? instant : null} onChoose=${choose} onInstant=${setInstant}/>
        ${stretches.length > 0 && html`<${Instant} windows=${stretches} instant=${instant} setInstant=${setInstant}/>`}
        <p class="chosen" aria-live="polite">${instant ? t('restore.instant.chosen', { at: local(instant).replace('T', ' ') })
            : backup && html`<${When} at=${backup.capturedAt}/> <${Badge} state=${backup.state}>${t(`state.${backup.state}`)}<//> <span class="quiet">${t(`type.${backup.type}`)} · ${backup.schedule} · ${bytes(backup.sizeBytes)}</span>`}</p>
        <fieldset><legend>${t('restore.where')}</legend>
            <label><input type="radio" name="place" checked=${place === 'live'} onChange=${() => setPlace('live')}/> ${t('restore.live')}</label>
            <label><input type="radio" name="place" checked=${place === 'other'} onChange=${() => setPlace('other')}/> ${t('restore.other')}</label>
            ${place === 'other' && html`<label class="field narrow"><span>${t('restore.path')}</span><input required value=${path} placeholder="/srv/restored" onInput=${event => setPath(event.target.value)}/></label>`}</fieldset>
        <${Act} action="restore" kind="primary" busy=${busy} disabled=${!chosen && !instant}>${t('restore.plan')}<//>
    </form>`;
}

export function Restore({ name }) {
    const wanted = route.value.query.get('id');
    const { data, problem: unread, reload } = useLoad(`backups?${query({ source: name, limit: 1000 })}`);
    const source = useLoad(`sources/${encodeURIComponent(name)}`).data;
    const [chosen, setChosen] = useState(wanted);
    const [instant, setInstant] = useState(null);
    const [plan, setPlan] = useState(null);
    const [places, setPlaces] = useState({}); // of tablespaces, where they are to go elsewhere
    const [typed, setTyped] = useState('');
    const [run, setRun] = useState(null);
    const [state, setState] = useState({ busy: false, problem: null });
    useEffect(() => { if (data && !chosen) setChosen(data.find(isRestorable)?.id ?? null); }, [data]);
    const step = run ? (isOpen(run) ? 'watch' : 'result') : plan ? (typed ? 'confirm' : 'plan') : 'choose';
    const attempt = async work => {
        setState({ busy: true, problem: null });
        try { await work(); setState({ busy: false, problem: null }); } catch (problem) { setState({ busy: false, problem }); }
    };
    const makePlan = (path, tablespaces) => attempt(async () => {
        setTyped('');
        const { planId, expiresAt, plan: made } = await post('restore/plan', { source: name, ...(instant ? { at: local(instant) } : { id: chosen }), to: path ?? undefined, tablespaces });
        setPlan({ ...made, planId, expiresAt, path });
        setPlaces({});
    });
    const planned = plan?.plan?.tablespaces ?? [];
    const isMoved = planned.some(one => (places[one.from] ?? one.to) !== one.to);
    const movePlan = () => makePlan(plan.path, Object.fromEntries(planned.map(one => [one.from, places[one.from] ?? one.to]).filter(([from, place]) => from !== place)));
    const execute = event => {
        event.preventDefault();
        attempt(async () => {
            const answer = await post('restore', { planId: plan.planId, force: plan.plan.needsForce, confirm: typed });
            setRun(answer.runs[0]);
        });
    };
    const ended = async ended => setRun(await get(runPath(ended.id)).catch(() => ended));
    const expired = plan && plan.expiresAt && new Date(plan.expiresAt) < now.value;

    return html`
        <${Heading} title=${`${t('restore')}: ${name}`}>${t('restore')}: <a href=${to('source', name)}>${name}</a><//>
        <${Steps} at=${step}/>
        ${state.problem && html`<${Trouble} problem=${state.problem} again=${plan ? () => { setPlan(null); setState({ busy: false, problem: null }); } : undefined}/>`}
        ${unread && !data && html`<${Trouble} problem=${unread} again=${reload}/>`}
        ${!data && !unread && html`<${Skeleton} tall/>`}
        ${data && data.length === 0 && html`<${Empty} title=${t('empty.backups')}>${t('empty.backups.next')}<//>`}
        ${data?.length > 0 && !plan && html`<${Choose} backups=${data} windows=${source?.recoveryWindows} chosen=${chosen} setChosen=${setChosen} instant=${instant} setInstant=${setInstant} onPlan=${makePlan} busy=${state.busy}/>`}
        ${plan && !run && html`<form class="card" onSubmit=${execute}><h2>${t('restore.step.plan')}</h2><${Plan} plan=${plan} places=${places} setPlaces=${setPlaces}/>
            ${isMoved ? html`<p><button type="button" disabled=${state.busy} onClick=${movePlan}>${t('restore.tablespaces.plan')}</button></p>` : plan.message ? html`<${Trouble} problem=${plan}/>` : html`
                <label class="field narrow"><span>${t('restore.type', { name })}</span><input value=${typed} autocomplete="off" spellcheck="false" onInput=${event => setTyped(event.target.value)}/></label>`}
            ${expired && html`<p>${t('restore.expired')}</p>`}
            <div class="buttons">${!plan.message && !isMoved && html`<button class="danger" disabled=${typed !== name || state.busy || expired}>${plan.plan.needsForce ? t('restore.overwrite') : t('restore.go')}</button>`}
                <button type="button" class="plain" onClick=${() => setPlan(null)}>${t('restore.again')}</button></div></form>`}
        ${run && (isOpen(run) ? html`<section class="card"><${Progress} run=${run} onEnd=${ended}/></section>`
            : html`<section class="card"><p><${Badge} state=${run.result}>${t(`result.${run.result}`)}<//></p>${run.message && html`<${Trouble} problem=${run}/>`}<p><a href=${to('runs', run.id)}>${t('run.open')}</a></p></section>`)}
        ${run?.restore && html`<${Result} restore=${run.restore}/>`}`;
}

