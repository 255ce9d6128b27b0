// What the runbook asks for: the recovery checks, the diagnosis, the report for those who are called.
import { html } from './html.js';
import { query } from './api.js';
import { Badge, Commands, Copy, Empty, Heading, Skeleton, Tabs, Trouble, useLoad } from './parts.js';
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

export function Runbook({ place }) {
    const source = route.value.query.get('source') ?? '';
    const { data, problem, reload } = useLoad(`${place}?${query({ source, lang: language.value })}`);
    return html`
        <${Heading} title=${t(`runbook.${place}`)}>${t('nav.runbook')}<//>
        <${Tabs} label=${t('nav.runbook')} current=${place} of=${Object.keys(PLACES).map(key => [key, t(`runbook.${key}`), to('runbook', key, { source })])}/>
        <div class="filters"><${SourceChoice} value=${source} onChange=${chosen => go('runbook', place, { source: chosen })}/></div>
        <p>${t(`runbook.${place}.text`)}</p>
        ${problem && html`<${Trouble} problem=${problem} again=${reload}/>`}
        ${!data && !problem && html`<${Skeleton} lines=${8}/>`}
        ${data?.length === 0 && html`<${Empty} title=${t('empty.sources')}>${t('empty.sources.next')}<//>`}
        ${data?.length > 0 && html`<${PLACES[place]} rows=${data.slice(0, SHOWN)}/>`}
        ${data?.length > SHOWN && html`<p>${t('runbook.more', { number: data.length - SHOWN })}</p>`}`;
}
