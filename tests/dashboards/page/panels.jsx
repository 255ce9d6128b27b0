// The panels of Grafana that are not on npm, as thin covers of the components that are: the same libraries draw.
import React from 'react';
import { cacheFieldDisplayNames, getFieldDisplayValues, identityOverrideProcessor, PanelPlugin } from '@grafana/data';
import { sceneUtils } from '@grafana/scenes';
import { BigValue, TimeSeries, useTheme2, VizRepeater } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { defaultOptions as stat } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import { defaultOptions as timeline, defaultFieldConfig as ofTimeline } from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import { defaultOptions as history, defaultFieldConfig as ofHistory } from '@grafana/schema/dist/esm/raw/composable/statushistory/panelcfg/x/StatusHistoryPanelCfg_types.gen';
import { defaultOptions as table } from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import { StateTimeline, StatusHistory } from './timeline.jsx';

const LEGEND = { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] };

/** What Grafana fills in where a dashboard says nothing. */
const OPTIONS = {
  stat: { ...stat, orientation: 'auto', reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false } },
  table, timeseries: { legend: LEGEND, tooltip: { mode: 'single', sort: 'none' } },
  'state-timeline': { ...timeline, legend: LEGEND }, 'status-history': { ...history, legend: LEGEND },
};
export const withDefaults = (type, options) => ({ ...OPTIONS[type], ...options });

const Empty = ({ text }) => <div className="empty">{text}</div>;

/** What Grafana shows instead of a panel without data: its noValue, or "No data". */
const orEmpty = Panel => properties =>
  properties.data.series.some(frame => frame.length > 0)
    ? <Panel {...properties} />
    : <Empty text={properties.fieldConfig.defaults.noValue ?? 'No data'} />;

function Stat({ data, width, height, options, fieldConfig, replaceVariables, renderCounter, timeZone }) {
  const theme = useTheme2();
  const values = () => getFieldDisplayValues({ fieldConfig, reduceOptions: options.reduceOptions, replaceVariables, theme, data: data.series, timeZone });
  const count = values().length;
  const textMode = options.textMode === 'auto' && count === 1 ? 'value' : options.textMode;
  const draw = ({ value, width, height }) => (
    <BigValue value={value.display} count={count} width={width} height={height} theme={theme} colorMode={options.colorMode}
      graphMode={options.graphMode} justifyMode={options.justifyMode} textMode={textMode} wideLayout={options.wideLayout} />
  );
  return <VizRepeater getValues={values} renderValue={draw} width={width} height={height} source={data} renderCounter={renderCounter} orientation={options.orientation} />;
}

function Table({ data, width, height, options, timeRange }) {
  cacheFieldDisplayNames(data.series); // the headers' names, after overrides
  return (
    <TableNG data={data.series[0]} width={width} height={height} noHeader={!options.showHeader} cellHeight={options.cellHeight}
      sortBy={options.sortBy} showTypeIcons={false} timeRange={timeRange} enableVirtualization={false} structureRev={1} />
  );
}

const Graph = ({ data, width, height, options, timeRange, timeZone }) => (
  <TimeSeries frames={data.series} structureRev={data.structureRev} width={width} height={height} timeRange={timeRange} timeZone={timeZone} legend={options.legend} options={options} />
);

/** Every property that a field of these panels may have of its own, with its default; an override of any other is ignored, as Grafana does. */
const SHOWN = { viz: false, legend: false, tooltip: false };
const CUSTOM = {
  timeseries: { drawStyle: 'line', lineInterpolation: 'linear', lineWidth: 1, lineStyle: undefined, fillOpacity: 0, gradientMode: 'none', showPoints: 'auto', pointSize: 5, spanNulls: false, insertNulls: false,
    stacking: { mode: 'none', group: 'A' }, axisPlacement: 'auto', axisSoftMin: undefined, axisSoftMax: undefined, axisLabel: '', axisColorMode: 'text', axisBorderShow: false, axisCenteredZero: false,
    scaleDistribution: { type: 'linear' }, barAlignment: 0, barWidthFactor: 0.6, hideFrom: SHOWN, thresholdsStyle: { mode: 'off' } },
  table: { align: 'auto', cellOptions: { type: 'auto' }, filterable: undefined, inspect: false, width: undefined, minWidth: undefined, hideFrom: SHOWN },
  'state-timeline': { ...ofTimeline, hideFrom: SHOWN },
  'status-history': { ...ofHistory, hideFrom: SHOWN },
  stat: {},
};

const editor = ([path, defaultValue]) => ({ id: path, path, name: path, defaultValue, editor: () => null, override: () => null, process: identityOverrideProcessor, shouldApply: () => true, settings: {} });

/** Makes the panel types known to the scenes. */
export function registerPanels() {
  const components = { stat: Stat, table: orEmpty(Table), timeseries: orEmpty(Graph), 'state-timeline': orEmpty(StateTimeline), 'status-history': orEmpty(StatusHistory) };
  for (const [id, component] of Object.entries(components)) {
    const plugin = new PanelPlugin(component);
    plugin.meta = { id, name: id, type: 'panel', info: { version: '', logos: {} }, module: '', baseUrl: '' };
    plugin.useFieldConfig({ useCustomConfig: builder => Object.entries(CUSTOM[id]).forEach(entry => builder.addCustomEditor(editor(entry))) });
    sceneUtils.registerRuntimePanelPlugin({ pluginId: id, plugin });
  }
}

export const panelTypes = Object.keys(CUSTOM);
