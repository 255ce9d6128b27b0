// Draws the dashboard that the page's address names: ?dashboard=FILE&theme=light&var-source=NAME
import React from 'react';
import { createRoot } from 'react-dom/client';
import { MemoryRouter } from 'react-router-dom';
import { ThemeContext } from '@grafana/data';
import * as scenes from '@grafana/scenes';
import { GlobalStyles, PortalContainer } from '@grafana/ui';
import { setUp } from './libraries.js';
import { panelTypes, registerPanels } from './panels.jsx';
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
  const queriesOf = new scenes.SceneQueryRunner({ datasource: panel.datasource, queries: panel.targets });
  return panel.transformations ? new scenes.SceneDataTransformer({ $data: queriesOf, transformations: panel.transformations }) : queriesOf;
}

function panelOf(panel) {
  if (!panelTypes.includes(panel.type)) throw new Error(`panel type ${panel.type} is not known to the page`);
  const { x, y, w, h } = panel.gridPos;
  const { title, description, fieldConfig, options } = panel;
  return new scenes.SceneGridItem({ x, y, width: w, height: h, body: new scenes.VizPanel({ pluginId: panel.type, title, description, fieldConfig, options, $data: dataOf(panel) }) });
}

/** Rows of the grid, each with the panels up to the next one. */
function gridOf(panels) {
  const rows = [];
  for (const panel of panels) {
    if (panel.type === 'row') rows.push(new scenes.SceneGridRow({ title: panel.title, y: panel.gridPos.y, isCollapsible: true, isCollapsed: panel.collapsed, children: [] }));
    else rows.at(-1).setState({ children: [...rows.at(-1).state.children, panelOf(panel)] });
  }
  return new scenes.SceneGridLayout({ isLazy: false, children: rows });
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
window.test = {
  queries,
  isDone: () => scenes.sceneGraph.findAllObjects(scene, object => object instanceof scenes.VizPanel).every(panel => scenes.sceneGraph.getData(panel).state.data?.state === 'Done'),
};
