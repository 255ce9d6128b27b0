// Draws dashboards in Chromium with Grafana's own libraries, against a Prometheus, and reports what is wrong with them.
//
// usage: node render.mjs PROMETHEUS NOW OUTPUT-DIRECTORY DASHBOARD[?var-source=NAME&theme=light&width=1366&suffix=-x]...
//   PROMETHEUS  its address      NOW  the browser's clock, Unix seconds      DASHBOARD  a file
// Writes OUTPUT-DIRECTORY/NAME.png as it is at the first look and NAME-open.png with all rows open, and a JSON report to standard output: for each
// dashboard its problems, the page's text and the links of its tables with all rows open, and the queries of both looks.
import { createServer, request } from 'node:http';
import { mkdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';

const [prometheus, now, output, ...dashboards] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const WIDTH = 1366; // pixels, a small laptop's, unless the dashboard asks for another
const PHONE = 768; // narrower, panels are below each other, and tables scroll sideways
const BAD = ['No data', 'NaN', 'undefined', 'Invalid date', '[object', 'unexpected error'];

async function bundle() {
  const { outputFiles } = await build({
    absWorkingDir: here,
    entryPoints: [join(here, 'page/main.jsx')], bundle: true, write: false, outdir: '/', format: 'esm', minify: true, logLevel: 'error',
    define: { 'process.env.NODE_ENV': '"production"' }, loader: { '.svg': 'dataurl', '.ttf': 'empty', '.woff': 'empty', '.woff2': 'empty' },
    alias: { 'react-router-dom-v5-compat': 'react-router-dom' },
  });
  return Object.fromEntries(outputFiles.map(file => [basename(file.path), file.contents]));
}

const PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><link rel="stylesheet" href="main.css"><style>body{margin:0;font-family:Inter,"Noto Sans CJK JP",sans-serif}.empty{text-align:center;padding-top:20px}</style><div id="root"></div><script>window.grafanaBootData={settings:{},user:{},navTree:[]}</script><script type="module" src="main.js"></script>';
const TYPES = { js: 'text/javascript', css: 'text/css', json: 'application/json', svg: 'image/svg+xml' };

/** The page, its files, the dashboards and Prometheus's API under one loopback address, so that no rule of origins is in the way. */
function serve(files) {
  const server = createServer(async (incoming, outgoing) => {
    const path = new URL(incoming.url, 'http://localhost').pathname.slice(1);
    if (path.startsWith('api/')) {
      request(prometheus.replace(/\/$/, '') + incoming.url, answer => answer.pipe(outgoing.writeHead(answer.statusCode, answer.headers))).end();
      return;
    }
    const content = await contentOf(path, files).catch(() => null);
    const type = TYPES[path.split('.').pop()] ?? 'text/html';
    outgoing.writeHead(content === null ? 404 : 200, { 'content-type': type }).end(content);
  });
  return new Promise(done => server.listen(0, '127.0.0.1', () => done(server)));
}

async function contentOf(path, files) {
  if (path === '') return PAGE;
  if (files[path]) return files[path];
  if (path.includes('/img/icons/') && !path.includes('..')) return readFile(join(here, 'node_modules/@grafana/ui/dist/public', path.slice(path.indexOf('img/'))));
  return dashboards.some(name => fileOf(name) === `/${path}`) ? readFile(`/${path}`) : null;
}

const fileOf = dashboard => resolve(dashboard.split('?')[0]);

/** Texts of titles, tables and timelines that have less room than they need. Runs in the page. */
function cutOff() {
  const places = document.querySelectorAll('h2, [role="columnheader"], [role="gridcell"], .series');
  const isCut = element => element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).overflowX !== 'visible';
  const texts = [...places].filter(place => place.innerText && [place, ...place.querySelectorAll('*')].some(isCut)).map(place => place.innerText);
  const columns = [...document.querySelectorAll('[role="grid"]')].filter(isCut).map(grid => `columns of ${grid.innerText.slice(0, 60).replaceAll('\n', ' ')}…`);
  return [...texts, ...columns];
}

async function draw(browser, address, dashboard) {
  const [, query = ''] = dashboard.split('?');
  const parameters = new URLSearchParams(query);
  parameters.set('dashboard', fileOf(dashboard));
  parameters.set('theme', parameters.get('theme') ?? 'light');
  const width = Number(parameters.get('width') ?? WIDTH);
  const page = await browser.newPage({ viewport: { width, height: 1000 }, timezoneId: 'Asia/Tokyo', locale: 'en-GB', reducedMotion: 'reduce' });
  const problems = [];
  page.on('pageerror', error => problems.push(`page error: ${error.message}`));
  // Fonts and a few icons come with Grafana's server only.
  const isOfServer = url => /\/public\/|favicon/.test(url);
  page.on('console', message => { if (message.type() === 'error' && !isOfServer(message.location().url)) problems.push(`console: ${message.text().slice(0, 300)} ${message.location().url}`); });
  await page.clock.setFixedTime(Number(now) * 1000);
  await page.goto(`${address}?${parameters}`);
  const name = `${basename(fileOf(dashboard), '.json')}${parameters.get('suffix') ?? ''}`;
  const cut = new Set();
  const look = async suffix => {
    await page.waitForFunction(() => window.test?.isDone(), null, { timeout: 60_000 }).catch(() => problems.push('the panels did not get their data within a minute'));
    // As high as the page is; on a phone Grafana stacks the panels.
    await page.setViewportSize({ width, height: await page.evaluate(() => Math.ceil(Math.max(...[...document.querySelectorAll('[data-griditem-key]')].map(item => item.getBoundingClientRect().bottom))) + 20) });
    await page.waitForTimeout(1500); // uPlot draws after the layout has settled
    await page.screenshot({ path: join(output, `${name}${suffix}.png`) });
    if (width >= PHONE) for (const text of await page.evaluate(cutOff)) cut.add(text);
    return page.evaluate(() => window.test?.queries.length ?? 0);
  };
  const atFirst = await look('');
  await page.evaluate(() => window.test?.openAll());
  await page.waitForTimeout(500);
  await look('-open');
  const text = await page.evaluate(() => document.body.innerText);
  for (const bad of BAD) if (text.includes(bad)) problems.push(`the page says "${bad}"`);
  for (const one of cut) problems.push(`cut off: ${one}`);
  const links = await page.evaluate(() => [...document.querySelectorAll('a[href*="/d/"]')].map(link => link.getAttribute('href')));
  const queries = await page.evaluate(() => window.test?.queries ?? []);
  await page.close();
  return { dashboard: fileOf(dashboard), problems, text, links, queries, atFirst };
}

await mkdir(output, { recursive: true });
const server = await serve(await bundle());
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--force-device-scale-factor=1'] });
const reports = [];
for (const dashboard of dashboards) reports.push(await draw(browser, `http://127.0.0.1:${server.address().port}/`, dashboard));
await browser.close();
server.close();
process.stdout.write(JSON.stringify(reports));
