// What the runbook asks for: the recovery checks, the diagnosis, the report for those who are called.
import { useState } from './vendor/hooks.js';
import { html } from './html.js';
import { post, query } from './api.js';
import { Act, Badge, Commands, Copy, Empty, Heading, Skeleton, Tabs, Trouble, useLoad } from './parts.js';
import { SourceChoice } from './backups.js';
import { word } from './overview.js';
import { go, language, route, to } from './state.js';
import { t } from './texts.js';

const Checklist = ({ rows }) => rows.map(row => html`
    <section class="card" key=${row.source}><h2>${row.source} <${Badge} state=${row.passed ? 'success' : 'failure'}>${t(row.passed ? 'passed' : 'notpassed')}<//></h2>
        <ol class="checks">${row.checks.map(check => html`<li><${Badge} state=${check.passed ? 'success' : 'failure'}>${check.check}<//> <span>${check.measured}</span>${check.next && html`<${Commands} lines=${[check.next]}/>`}</li>`)}</ol></section>`);

const Diagnosis = ({ rows }) => rows.map(row => html`
    <section class="card" key=${row.source}><h2>${row.source} <${Badge} state=${row.level ?? ''}>${row.level ? word(row.level) : t('level.unknown')}<//></h2>
        <p class="answer">${row.title}</p>
        ${row.evidence && html`<p>${row.evidence}</p>`}
        ${row.reasons.length > 0 && html`<ul class="reasons">${row.reasons.map(reason => html`<li>${reason}</li>`)}</ul>`}
        <ol class="checks">${row.steps.map(step => html`<li><${Badge} state=${step.passed === null ? '' : step.passed ? 'success' : 'failure'}>${step.question}<//> <span>${step.evidence}</span></li>`)}</ol>
        ${row.next.length > 0 && html`<h3>${t('next')}</h3><${Commands} lines=${row.next}/>`}
        ${row.log.length > 0 && html`<h3>${t('log')}</h3><${Commands} lines=${row.log}/>`}</section>`);

const Report = ({ rows }) => rows.map(row => html`
    <section class="card" key=${row.source}><h2>${row.source} <${Badge} state=${row.level}>${word(row.level)}<//></h2>
        <div class="commands"><pre tabindex="0">${row.text}</pre><${Copy} text=${row.text}>${t('report.copy')}<//></div></section>`);

const PLACES = { checklist: Checklist, diagnose: Diagnosis, report: Report };
const SHOWN = 20;

const Answers = ({ place, rows }) => (rows.length === 0 ? html`<${Empty} title=${t('empty.sources')}>${t('empty.sources.next')}<//>`
    : html`<${PLACES[place]} rows=${rows.slice(0, SHOWN)}/>${rows.length > SHOWN && html`<p>${t('runbook.more', { number: rows.length - SHOWN })}</p>`}`);

/** Checklist and diagnosis read a backup back, which the journal keeps: somebody has to ask for them. */
function Asked({ place, source }) {
    const [state, setState] = useState({ busy: false, rows: null, problem: null });
    const ask = async () => {
        setState({ busy: true, rows: null, problem: null });
        try {
            setState({ busy: false, rows: await post(`${place}?${query({ lang: language.value })}`, { source: source || undefined }), problem: null });
        } catch (problem) {
            setState({ busy: false, rows: null, problem });
        }
    };
    return html`<div class="buttons"><${Act} action="verify" kind="primary" busy=${state.busy} onClick=${ask}>${t('runbook.check')}<//></div>
        <div aria-live="polite" class="answers">${state.busy && html`<${Skeleton} lines=${8}/>`}
        ${state.problem && html`<${Trouble} problem=${state.problem}/>`}
        ${state.rows && html`<${Answers} place=${place} rows=${state.rows}/>`}</div>`;
}

function Written({ source }) {
    const { data, problem, reload } = useLoad(`report?${query({ source, lang: language.value })}`);
    if (problem) return html`<${Trouble} problem=${problem} again=${reload}/>`;
    return data ? html`<${Answers} place="report" rows=${data}/>` : html`<${Skeleton} lines=${8}/>`;
}

export function Runbook({ place }) {
    const source = route.value.query.get('source') ?? '';
    return html`
        <${Heading} title=${t(`runbook.${place}`)}>${t('nav.runbook')}<//>
        <${Tabs} label=${t('nav.runbook')} current=${place} of=${Object.keys(PLACES).map(key => [key, t(`runbook.${key}`), to('runbook', key, { source })])}/>
        <div class="filters"><${SourceChoice} value=${source} onChange=${chosen => go('runbook', place, { source: chosen })}/></div>
        <p>${t(`runbook.${place}.text`)}</p>
        ${place === 'report' ? html`<${Written} source=${source}/>` : html`<${Asked} key=${`${place} ${source} ${language.value}`} place=${place} source=${source}/>`}`;
}
