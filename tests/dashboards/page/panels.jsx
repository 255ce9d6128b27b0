// The panels of Grafana that are not on npm, as thin covers of the components that are: the same libraries draw.
import React from 'react';
import { cacheFieldDisplayNames, getFieldDisplayValues, identityOverrideProcessor, PanelPlugin } from '@grafana/data';
import { sceneUtils } from '@grafana/scenes';
import { BigValue, TimeSeries, useTheme2, VizRepeater } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { StateTimeline } from './timeline.jsx';

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

/** Every property that a field of these panels may have of its own; an override of any other is ignored, as Grafana does. */
const CUSTOM = {
  timeseries: ['drawStyle', 'lineInterpolation', 'lineWidth', 'lineStyle', 'fillOpacity', 'gradientMode', 'showPoints', 'pointSize', 'spanNulls', 'insertNulls', 'stacking', 'axisPlacement', 'axisSoftMin', 'axisSoftMax',
    'axisLabel', 'axisColorMode', 'axisBorderShow', 'axisCenteredZero', 'scaleDistribution', 'barAlignment', 'barWidthFactor', 'hideFrom', 'thresholdsStyle'],
  table: ['align', 'cellOptions', 'filterable', 'inspect', 'width', 'minWidth', 'hideFrom'],
  'state-timeline': ['fillOpacity', 'lineWidth', 'hideFrom'],
  stat: [],
};

const editor = path => ({ id: path, path, name: path, editor: () => null, override: () => null, process: identityOverrideProcessor, shouldApply: () => true, settings: {} });

/** Makes the panel types known to the scenes. */
export function registerPanels() {
  const components = { stat: Stat, table: orEmpty(Table), timeseries: orEmpty(Graph), 'state-timeline': orEmpty(StateTimeline) };
  for (const [id, component] of Object.entries(components)) {
    const plugin = new PanelPlugin(component);
    plugin.meta = { id, name: id, type: 'panel', info: { version: '', logos: {} }, module: '', baseUrl: '' };
    plugin.useFieldConfig({ useCustomConfig: builder => CUSTOM[id].forEach(path => builder.addCustomEditor(editor(path))) });
    sceneUtils.registerRuntimePanelPlugin({ pluginId: id, plugin });
  }
}

export const panelTypes = Object.keys(CUSTOM);
