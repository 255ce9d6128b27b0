// A state is told by a word, a colour and a shape: each shape is another, also without its colour.
import { html } from './html.js';

const SHAPES = {
    good: () => html`<circle cx="10" cy="10" r="9"/><path class="mark" d="m6 10.300 2.800 2.800L14.200 7.500"/>`,
    fresh: () => html`<circle class="hollow" cx="10" cy="10" r="7.500"/><path class="line" d="M10 6v4.300l2.700 1.700"/>`,
    warning: () => html`<path d="M10 1.200 19.300 18H.7Z"/><path class="mark" d="M10 7.500v4.700M10 15v.2"/>`,
    serious: () => html`<path d="M10 .6 19.400 10 10 19.400.6 10Z"/><path class="mark" d="M10 5.500v5.300M10 14v.2"/>`,
    critical: () => html`<path d="M6.200.8h7.600l5.400 5.400v7.600l-5.400 5.400H6.200L.8 13.800V6.200Z"/><path class="mark" d="m6.700 6.700 6.600 6.600m0-6.600-6.600 6.600"/>`,
    unknown: () => html`<rect class="hollow" x="2" y="2" width="16" height="16" rx="3"/><path class="line" d="M7.700 7.600c.5-2.800 4.700-2.600 4.700 0 0 1.800-2.400 1.900-2.400 3.800M10 14.300v.2"/>`,
    idle: () => html`<circle class="hollow" cx="10" cy="10" r="7.500"/><path class="line" d="M6.500 10h7"/>`,
    running: () => html`<circle class="hollow" cx="10" cy="10" r="7.500"/><path class="solid" d="M10 2.500a7.500 7.500 0 0 1 0 15Z"/>`,
};

const TONES = {
    OK: 'good', NEW: 'fresh', L1: 'warning', L2: 'serious', L3: 'critical',
    good: 'good', unverified: 'fresh', corrupt: 'critical', quarantined: 'critical',
    success: 'good', failure: 'critical', skipped: 'idle', running: 'running', waiting: 'running', failed: 'critical', missing: 'warning', passed: 'good',
};

export const tone = state => TONES[state] ?? 'unknown';

export const StateIcon = ({ state, big }) => html`
    <svg class="icon ${tone(state)} ${big ? 'big' : ''}" viewBox="0 0 20 20" aria-hidden="true" focusable="false">${SHAPES[tone(state)]()}</svg>`;

const LINES = {
    overview: 'M3 10.500 10 4l7 6.500V17H3Z',
    backups: 'M4 5c0-3 12-3 12 0v10c0 3-12 3-12 0Zm0 0c0 3 12 3 12 0M4 10c0 3 12 3 12 0',
    runs: 'M3 10h3.500L9 4l3 12 2-6h3',
    runbook: 'M5 3h10v14H5Zm2.500 4h5m-5 3h5m-5 3h3',
    settings: 'M3 6h6m4 0h4M3 14h2m4 0h8M9 4v4M5 12v4',
    lock: 'M5 9h10v8H5Zm2 0V6.500a3 3 0 0 1 6 0V9',
    user: 'M10 10a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7Zm-6.500 7c.7-6 12.300-6 13 0',
};

export const Glyph = ({ name }) => html`<svg class="glyph" viewBox="0 0 20 20" aria-hidden="true" focusable="false"><path d=${LINES[name]}/></svg>`;
