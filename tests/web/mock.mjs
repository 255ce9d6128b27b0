// The page on an agent that is played: to draw and look at it without building anything.
//
// usage: node tests/web/mock.mjs PORT [few|one|team|many|empty|bad] [viewer|operator|admin|nobody]
//
// Its answers have the form of the documents in src/NexusBackupAgent/Documents.
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { dirname, join, extname } from 'node:path';
import { fileURLToPath } from 'node:url';

const [port = '9500', scene = 'few', role = 'admin'] = process.argv.slice(2);
const page = join(dirname(fileURLToPath(import.meta.url)), '../../src/NexusBackupAgent/Http/Web');
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml' };
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const HOUR = 3_600_000;
const ago = hours => new Date(Date.now() - hours * HOUR).toISOString().replace(/\.\d+Z/, 'Z');
const can = { viewer: [], operator: ['backup', 'verify', 'drill', 'download'], admin: ['backup', 'verify', 'drill', 'download', 'restore', 'prune', 'configure', 'audit'], nobody: [] }[role];
let signedIn = role !== 'nobody';
const me = () => (signedIn
    ? { user: role === 'viewer' ? 'watcher' : role, role: role === 'nobody' ? 'admin' : role, can: role === 'nobody' ? ['backup'] : can, timeZone: 'Asia/Tokyo', version: '0.1.0', session: true }
    : { user: null, role: null, can: [], reason: null, timeZone: 'Asia/Tokyo', version: '0.1.0' });

const HOURS = [3, 27, 51, 75, 99, 123, 147, 171, 339, 507, 900, 1620, 2340, 3060];
function backup(source, index, state = 'good') {
    const schedule = index < 7 ? 'daily' : index < 10 ? 'weekly' : 'monthly';
    const at = ago(HOURS[index % HOURS.length] + Math.floor(index / HOURS.length) * 0.500);
    return { id: `${at.replace(/[-:]/g, '')}-${(index * 7919 + 4096).toString(16)}`, source, schedule, type: index % 5 === 1 ? 'incremental' : 'full', base: index % 5 === 1 ? '20261129T170000Z-aa51f2' : null,
        capturedAt: at, file: `/srv/itsm/backend/backups/${schedule}_${index}.db.gz`, sizeBytes: 42_336_112 - index * 91_111, contentBytes: 128_450_560, sha256: 'c'.repeat(64), state, verifiedAt: at, proof: state === 'good' ? (index % 5 === 1 ? 'chain' : 'whole') : null };
}
const source = (name, level = 'OK', more = {}) => ({
    source: name, kind: 'sqlite', store: 'local', level, reasons: [], newestGood: backup(name, 0), provenWholeAt: ago(3), ageSeconds: 3 * 3600 + 240, rpo: { warningSeconds: 86_400, criticalSeconds: 172_800, emergencySeconds: 180_000 },
    backups: 14, recoveryWindows: name === 'itsm' ? [{ first: ago(171), last: ago(3) }, { first: ago(1620), last: ago(507) }] : null, running: null, nextRun: ago(-5), schedules: [
        { schedule: 'daily', cron: '0 2 * * *', type: 'full', retention: '7d', nextRun: ago(-5), lastSuccess: ago(3) },
        { schedule: 'weekly', cron: '0 3 * * 0', type: 'full', retention: '4w', nextRun: ago(-60), lastSuccess: ago(171) },
        { schedule: 'monthly', cron: '0 4 1 * *', type: 'full', retention: '12mo', nextRun: ago(-300), lastSuccess: ago(900) }],
    lastFailure: null, lastDrill: { at: ago(80), result: 'success', seconds: 1.532, dataAgeSeconds: 240, id: 'x', message: null }, missing: [],
    disk: { store: 'local', path: '/srv/itsm/backend/backups', level: 'OK', usedRatio: 0.614, sizeBytes: 5e11, availableBytes: 1.93e11, error: null, forecast: { criticalOn: null, bytesPerDay: 4.1e6 } }, ...more });

const failure = { failure: 'databaseMissing', class: 'database', message: "the database '/srv/itsm/tenants/blue.db' does not exist", hint: 'put it back, or take the source out of nexus-backup.yml' };
const scenes = {
    few: () => [source('itsm'), source('tenants/blue', 'L2', { ageSeconds: 52 * 3600, newestGood: backup('tenants/blue', 2), reasons: ['L2: the newest good backup is 52 h old, older than 48 h', 'L2: 3 runs in a row failed'], lastFailure: failure, lastDrill: null }),
        source('tenants/green', 'L1', { reasons: ['L1: the disk is 83 % full'], disk: { usedRatio: 0.83, availableBytes: 8.1e10, forecast: { criticalOn: ago(-24 * 47).slice(0, 10), bytesPerDay: 8.2e8 } } }),
        source('<img src=x onerror=alert(1)>', 'NEW', { newestGood: null, ageSeconds: null, lastDrill: null, backups: 0 })],
    one: () => [source('itsm')],
    team: () => [source('itsm'), source('crm', 'L1', { reasons: ['L1: one run failed'], lastFailure: failure }), source('wiki', 'OK', { ageSeconds: 17 * 3600, lastDrill: { at: ago(200), result: 'success', seconds: 0.8 } })],
    bad: () => [source('itsm', 'L3', { newestGood: null, ageSeconds: null, reasons: ['L3: every backup is corrupt'], lastFailure: failure })],
    many: () => Array.from({ length: 1000 }, (_, index) => source(`tenants/${String(index).padStart(4, '0')}`, index % 97 === 5 ? 'L1' : 'OK', index % 97 === 5 ? { reasons: ['L1: one run failed'] } : {})),
    empty: () => [],
};
const sources = scenes[scene]();
const backupsOf = name => Array.from({ length: scene === 'many' && !name ? 10_000 : 14 }, (_, index) => backup(name || sources[index % sources.length].source, index, index === 5 ? 'corrupt' : 'good'));
const days = name => Array.from({ length: 84 }, (_, index) => ({ date: ago((83 - index) * 24).slice(0, 10), state: index < 9 ? 'none' : index === 30 && name !== 'crm' ? 'missing' : (index === 52 || index === 82) && name !== 'itsm' ? 'failed' : index === 70 && scene !== 'team' ? 'corrupt' : 'good', runs: 1, failures: 0 }));
const run = (id, more = {}) => ({ id: String(id), url: `/api/v1/runs/${id}`, source: sources[0]?.source ?? 'itsm', kind: 'backup', schedule: 'daily', type: 'full', startedAt: ago(3 + id * 24), endedAt: ago(3 + id * 24 - 0.001), result: 'success', backup: '20261129T170000Z-aa51f2', message: null, hint: null, seconds: 3.42, by: 'scheduler', ...more });
const runs = () => [run(1), run(2, { kind: 'drill', schedule: null, seconds: 1.5 }), run(3, { result: 'failure', backup: null, message: failure.message, hint: failure.hint }), run(4, { kind: 'verification', schedule: null }), run(5, { result: 'skipped' })];
const started = new Map();

function answer(request, url, body) {
    const path = url.pathname.replace('/api/v1/', '').split('/').map(decodeURIComponent);
    const [what, id, part] = path;
    if (what === 'auth' && id === 'me') return me();
    if (what === 'auth' && id === 'logout') { signedIn = false; return null; }
    if (what === 'auth') {
        if (body.password !== 'correct horse') return [401, { title: 'Unauthorized', detail: 'wrong user or password', hint: 'try again' }];
        signedIn = true;
        return { token: 'eyJhbGciOiJIUzI1NiJ9.sample.sample', expiresAt: ago(-1), user: 'admin', role: 'admin' };
    }
    if (what === 'sources' && part === 'days') return days(id);
    if (what === 'sources') return id ? sources.find(one => one.source === id) ?? [404, { detail: `no source '${id}'`, hint: 'see nexus-backup status' }] : sources;
    if (what === 'schedules') return sources.slice(0, 5).flatMap(one => one.schedules.map(schedule => ({ source: one.source, ...schedule })));
    if (what === 'backups' && part === 'contents') {
        const files = [...Array(130)].map((_, n) => ({ path: `/etc/dataset-management/conf.d/${n}.conf`, type: 'file', sizeBytes: n * 777, modifiedAt: ago(n), target: null, mode: '0640', owner: 'root:dataset', sha256: 'c8c7' })).filter(file => !url.searchParams.get('pattern') || file.path.includes(url.searchParams.get('pattern').replaceAll('*', '')));
        const limit = Number(url.searchParams.get('limit') ?? 100), from = Number(url.searchParams.get('offset') ?? 0);
        url.searchParams.set('offset', from + limit);
        return [200, files.slice(from, from + limit), { 'X-Total-Count': files.length, ...(from + limit < files.length ? { Link: `<${url.pathname}${url.search}>; rel="next"` } : {}) }];
    }
    if (what === 'backups' && id) return { backup: { ...backup('itsm', 0), id }, chain: ['weekly_20261129_030000.db.gz', 'daily_20261129_020000.db-wal.gz'], artifactUrl: `/api/v1/backups/${id}/artifact`, checksumUrl: `/api/v1/backups/${id}/sha256`, contentsUrl: `/api/v1/backups/${id}/contents`, checks: [{ check: 'checksum', passed: true, detail: 'SHA-256 matches' }, { check: 'encoding', passed: true, detail: 'gzip decodes to the end' }, { check: 'integrity', passed: true, detail: 'ok' }], handRestore: ['sha256sum -c daily_20261129_020000.db.gz.sha256', 'gunzip -k daily_20261129_020000.db.gz', "sqlite3 daily_20261129_020000.db 'PRAGMA integrity_check'"] };
    if (what === 'backups') {
        const all = backupsOf(url.searchParams.get('source'));
        const limit = Number(url.searchParams.get('limit') ?? 100), from = Number(url.searchParams.get('after') ?? 0);
        url.searchParams.set('after', from + limit);
        return [200, all.slice(from, from + limit), { 'X-Total-Count': all.length, ...(from + limit < all.length ? { Link: `<${url.pathname}${url.search}>; rel="next"` } : {}) }];
    }
    if (what === 'runs' && id) return started.get(id) ?? runs().find(one => one.id === id) ?? [404, { detail: 'no such run' }];
    if (what === 'runs') return [...started.values(), ...runs()];
    if (what === 'restore' && id === 'plan') return { planId: 'p1', expiresAt: ago(-1), plan: { source: body.source, result: 'planned', id: body.id, file: 'daily_20261129_020000.db.gz', capturedAt: ago(3), recoveredTo: body.at ? ago(2) : null, ageSeconds: 11_000, reason: 'the newest good backup', target: body.to ?? '/srv/itsm/backend/itsm_nexus.db', safetyCopy: '/srv/itsm/backend/itsm_nexus.db.pre_restore.20261130_100000', setAside: [], passedOver: [{ id: 'y', file: 'daily_20261130_020000.db.gz', reason: 'it is corrupt' }],
        plan: { overwritesBytes: 1.3e8, before: ['systemctl stop itsm-nexus'], after: ['systemctl start itsm-nexus'], openIn: [{ process: 4711, command: 'uvicorn' }], neededBytes: 2.6e8, availableBytes: 1.9e11, lastDrillSeconds: 1.532, chain: ['weekly_20261129_030000.db.gz', 'daily_20261129_020000.db-wal.gz'], needsForce: true } } };
    if (['backup', 'verify', 'drill', 'restore'].includes(what)) {
        const one = run(100 + started.size, { source: body.source ?? 'itsm', kind: { verify: 'verification' }[what] ?? what, result: 'running', startedAt: ago(0), endedAt: null, seconds: null });
        started.set(one.id, one);
        return [202, { runs: [one] }];
    }
    if (what === 'checklist') return sources.slice(0, 3).map(one => ({ source: one.source, passed: false, checks: ['Newest backup exists', 'Its checksum matches', 'It decompresses', 'integrity_check is ok', 'The scheduler runs', 'The disk has room', 'No failure is open'].map((check, index) => ({ number: index + 1, check, passed: index !== 5, measured: index === 5 ? '83 % used' : 'daily_20261129_020000.db.gz, 3 h old', next: index === 5 ? 'nexus-backup prune --dry-run' : null })) }));
    if (what === 'report') return sources.slice(0, 3).map(one => ({ source: one.source, level: one.level, reasons: [], text: `■ バックアップ障害報告\n発生日時: 2026-11-30 02:00\n影響: ${one.source}\n状態: 調査中` }));
    if (what === 'diagnose') return sources.slice(0, 3).map(one => ({ source: one.source, cause: 'A', title: 'The database is missing', level: one.level, reasons: one.reasons, evidence: failure.message, also: [], steps: [{ step: '1', question: 'Is the scheduler running?', passed: true, evidence: 'beat 3 s ago' }], next: ['ls -l /srv/itsm'], log: [], runbook: 'x' }));
    if (what === 'config') return { file: '/etc/nexus-backup/nexus-backup.yml', settings: { timeZone: 'Asia/Tokyo', users: { admin: { password: '***', role: 'admin' } } }, check: { problems: [] } };
    if (what === 'audit') return [{ at: ago(2), user: 'admin', address: '10.0.0.7', action: 'restore', source: 'itsm', outcome: 'success' }];
    return [404, { detail: 'no such resource' }];
}

function events(request, response, id) {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    let at = 0;
    const timer = setInterval(() => {
        at += 0.05;
        if (at < 1) return response.write(`event: progress\ndata: ${JSON.stringify({ stage: at < 0.6 ? 'capture' : 'verify', fraction: at, bytes: 128e6 * at, totalBytes: 128e6, bytesPerSecond: 4.1e7, secondsLeft: (1 - at) * 3 })}\n\n`);
        clearInterval(timer);
        const ended = { ...started.get(id), result: 'success', endedAt: ago(0), seconds: 3.4 };
        if (ended.kind === 'restore') ended.restore = { source: ended.source, result: 'restored', target: '/srv/itsm/backend/itsm_nexus.db', capturedAt: ago(3), seconds: 1.7, safetyCopy: '/srv/itsm/backend/itsm_nexus.db.pre_restore.20261130_100000', setAside: [] };
        started.set(id, ended);
        return response.end(`event: end\ndata: ${JSON.stringify(ended)}\n\n`);
    }, 150);
    request.on('close', () => clearInterval(timer));
}

createServer(async (request, response) => {
    const url = new URL(request.url, 'http://localhost');
    if (url.pathname.startsWith('/api/')) {
        const chunks = [];
        for await (const chunk of request) chunks.push(chunk);
        const watched = /\/runs\/([^/]+)\/events$/.exec(url.pathname);
        if (watched) return events(request, response, watched[1]);
        const said = answer(request, url, chunks.length ? JSON.parse(Buffer.concat(chunks)) : {});
        const [status, document, headers] = Array.isArray(said) && typeof said[0] === 'number' ? said : [said === null ? 204 : 200, said];
        response.writeHead(status, { 'Content-Type': status >= 400 ? 'application/problem+json' : 'application/json', ...headers });
        return response.end(document === null ? undefined : JSON.stringify(document));
    }
    const name = url.pathname === '/' ? 'index.html' : url.pathname.replace('/assets/', '');
    try {
        const bytes = readFileSync(join(page, name));
        response.writeHead(200, { 'Content-Type': types[extname(name)], 'Content-Security-Policy': policy, 'Cache-Control': 'no-cache' });
        return response.end(bytes);
    } catch {
        response.writeHead(404);
        return response.end();
    }
}).listen(Number(port), '127.0.0.1');
