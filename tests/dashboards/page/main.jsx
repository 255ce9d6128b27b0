// Draws the dashboard that the page's address names: ?dashboard=FILE&theme=light&var-source=NAME
import React from 'react';
import { createRoot } from 'react-dom/client';
import { MemoryRouter } from 'react-router-dom';
import { ThemeContext } from '@grafana/data';
import * as scenes from '@grafana/scenes';
import { GlobalStyles, PortalContainer } from '@grafana/ui';
import { setUp } from './libraries.js';
import { panelTypes, registerPanels, withDefaults } from './panels.jsx';
import { Prometheus, queries } from './prometheus.js';

const parameters = new URLSearchParams(location.search);

function variableOf(model) {
  const { name, label, hide, refresh, sort, regex, multi, includeAll, query, datasource } = model;
  const isMulti = multi, allValue = model.allValue || undefined;
  if (model.type === 'datasource') return new scenes.DataSourceVariable({ name, label, hide, regex, isMulti, pluginId: query });
  const chosen = parameters.get(`var-${name}`) ?? model.current?.value ?? '';
  return new scenes.QueryVariable({ name, label, hide, refresh, sort, regex, isMulti, includeAll, allValue, datasource, query, value: chosen, text: chosen });
}

function dataOf(panel) {
  const queriesOf = new scenes.SceneQueryRunner({ datasource: panel.datasource, queries: panel.targets, minInterval: panel.interval });
  return panel.transformations ? new scenes.SceneDataTransformer({ $data: queriesOf, transformations: panel.transformations }) : queriesOf;
}

function panelOf(panel) {
  if (!panelTypes.includes(panel.type)) throw new Error(`panel type ${panel.type} is not known to the page`);
  const { x, y, w, h } = panel.gridPos;
  const { title, description, fieldConfig } = panel;
  const options = withDefaults(panel.type, panel.options);
  const $timeRange = panel.timeFrom && new scenes.SceneTimeRange({ from: `now-${panel.timeFrom}`, to: 'now', timeZone: 'browser' });
  return new scenes.SceneGridItem({ x, y, width: w, height: h, body: new scenes.VizPanel({ pluginId: panel.type, title, description, fieldConfig, options, $timeRange, $data: dataOf(panel) }) });
}

/** Panels, and rows that hold theirs. What is closed asks nothing. */
function gridOf(panels) {
  const rowOf = ({ title, gridPos, collapsed, panels: children }) =>
    new scenes.SceneGridRow({ title, x: 0, y: gridPos.y, isCollapsible: true, isCollapsed: collapsed, children: children.map(panelOf) });
  return new scenes.SceneGridLayout({ isLazy: false, children: panels.map(panel => (panel.type === 'row' ? rowOf(panel) : panelOf(panel))) });
}

function sceneOf(dashboard) {
  return new scenes.EmbeddedScene({
    $timeRange: new scenes.SceneTimeRange({ ...dashboard.time, timeZone: 'browser' }),
    $variables: new scenes.SceneVariableSet({ variables: dashboard.templating.list.map(variableOf) }),
    controls: [new scenes.VariableValueSelectors({}), new scenes.SceneControlsSpacer(), new scenes.SceneTimePicker({})],
    body: gridOf(dashboard.panels),
  });
}

const dashboard = await (await fetch(parameters.get('dashboard'))).json();
const theme = setUp(new Prometheus('prometheus-of-the-test'), parameters.get('theme'));
registerPanels();
const scene = sceneOf(dashboard);
document.body.style.background = theme.colors.background.canvas;
createRoot(document.getElementById('root')).render(
  <MemoryRouter>
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <PortalContainer />
      <h1 style={{ fontSize: 20, margin: '8px 16px 0' }}>{dashboard.title}</h1>
      <scene.Component model={scene} />
    </ThemeContext.Provider>
  </MemoryRouter>,
);
const rows = scene.state.body.state.children.filter(child => child instanceof scenes.SceneGridRow);
const isClosed = panel => rows.some(row => row.state.isCollapsed && row.state.children.includes(panel.parent));
const panels = () => scenes.sceneGraph.findAllObjects(scene, object => object instanceof scenes.VizPanel && !isClosed(object));
window.test = {
  queries,
  isDone: () => panels().every(panel => scenes.sceneGraph.getData(panel).state.data?.state === 'Done'),
openAll: () => rows.toReversed().forEach(row => scene.state.body.toggleRow(row)),
};
