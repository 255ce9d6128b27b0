// A Prometheus data source for Grafana's scenes: queries, template variables, and the macros of Grafana's own plugin.
import { FieldType, toDataFrame } from '@grafana/data';
import { RuntimeDataSource, sceneGraph } from '@grafana/scenes';

// As the data source is provisioned: the history has one sample every ten minutes.
const SCRAPE_SECONDS = 600;

/** What was asked and how many series came back; render.mjs reads it. */
export const queries = [];

const escape = text => String(text).replace(/\\/g, '\\\\\\\\').replace(/[$^*{}[\]'+?.()|]/g, '\\\\$&');

/** Values of a variable as Grafana's Prometheus plugin puts them into a matcher; that of "All" (allValue) comes ready. */
export const asMatcher = (value, variable) => {
  if (!variable.multi && !variable.includeAll) return escape(value);
  const values = [value].flat();
  return values.length === 1 ? escape(values[0]) : `(${values.map(escape).join('|')})`;
};

async function ask(path, parameters) {
  const answer = await (await fetch(`api/v1/${path}?${new URLSearchParams(parameters)}`)).json();
  if (answer.status !== 'success') throw new Error(`${answer.error}: ${JSON.stringify(parameters)}`);
  return answer.data;
}

const number = text => ({ '+Inf': Infinity, '-Inf': -Infinity })[text] ?? Number(text);
const legend = (template = '', labels) => template.replace(/{{\s*(\w+)\s*}}/g, (_, label) => labels[label] ?? '');

function tableOf(target, result, several) {
  const labels = [...new Set(result.flatMap(series => Object.keys(series.metric)))].filter(name => name !== '__name__').sort();
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: result.map(series => series.value[0] * 1000) },
      ...labels.map(name => ({ name, type: FieldType.string, values: result.map(series => series.metric[name] ?? '') })),
      { name: several ? `Value #${target.refId}` : 'Value', type: FieldType.number, values: result.map(series => number(series.value[1])) },
    ],
  });
}

/** A series of a graph; `step` tells Grafana's graph from which distance on points are not joined. */
function seriesOf(target, series, step) {
  const points = series.values ?? [series.value];
  const name = legend(target.legendFormat, series.metric);
  return toDataFrame({
    refId: target.refId,
    name,
    fields: [
      { name: 'Time', type: FieldType.time, config: { interval: step * 1000 }, values: points.map(point => point[0] * 1000) },
      { name: 'Value', type: FieldType.number, labels: series.metric, config: { displayNameFromDS: name }, values: points.map(point => number(point[1])) },
    ],
  });
}

export class Prometheus extends RuntimeDataSource {
  constructor(uid) {
    super('prometheus', uid);
  }

  async query(request) {
    const frames = await Promise.all(request.targets.map(target => this.frames(request, target)));
    return { data: frames.flat() };
  }

  async frames(request, target) {
    const step = Math.max(request.intervalMs / 1000, SCRAPE_SECONDS);
    // Grafana asks at whole steps of the local time: with a day, at midnights.
    const ahead = request.range.to.utcOffset() * 60, whole = time => Math.floor((time.valueOf() / 1000 + ahead) / step) * step - ahead;
    const from = whole(request.range.from), to = target.instant ? request.range.to.valueOf() / 1000 : whole(request.range.to);
    const macros = {
      $__rate_interval: `${Math.max(step + SCRAPE_SECONDS, 4 * SCRAPE_SECONDS)}s`,
      $__range: `${Math.round(to - from)}s`,
    };
    const withMacros = Object.entries(macros).reduce((text, [name, value]) => text.replaceAll(name, value), target.expr);
    const expression = this.interpolate(withMacros, request.scopedVars);
    const result = target.instant
      ? (await ask('query', { query: expression, time: to })).result
      : (await ask('query_range', { query: expression, start: from, end: to, step })).result;
    queries.push({ expression, series: result.length });
    if (target.format !== 'table') return result.map(series => seriesOf(target, series, step));
    return result.length ? [tableOf(target, result, request.targets.length > 1)] : [];
  }

  interpolate(text, scopedVars) {
    return sceneGraph.interpolate(scopedVars.__sceneObject.value.valueOf(), text, scopedVars, asMatcher);
  }

  /** label_values(selector, label), the only kind of variable query that the dashboards use. */
  async metricFindQuery(query, options) {
    const text = this.interpolate(query.query, options.scopedVars);
    const [, selector, label] = /^label_values\((.*), (\w+)\)$/.exec(text) ?? [];
    if (!label) throw new Error(`not understood: ${text}`);
    const values = await ask(`label/${label}/values`, { 'match[]': selector, start: options.range.from.unix(), end: options.range.to.unix() });
    queries.push({ expression: text, series: values.length });
    return values.map(value => ({ text: value }));
  }

  async testDatasource() {
    return { status: 'success', message: '' };
  }
}
