// What a Grafana server would set up before it draws: the standard field options, transformations and services.
import * as data from '@grafana/data';
import * as runtime from '@grafana/runtime';
import { sceneUtils } from '@grafana/scenes';
import { from, map } from 'rxjs';

const PROCESSORS = {
  unit: data.unitOverrideProcessor, min: data.numberOverrideProcessor, max: data.numberOverrideProcessor, decimals: data.numberOverrideProcessor,
  displayName: data.displayNameOverrideProcessor, noValue: data.stringOverrideProcessor, thresholds: data.thresholdsOverrideProcessor,
  mappings: data.valueMappingsOverrideProcessor, links: data.dataLinksOverrideProcessor, color: data.identityOverrideProcessor,
};
const DEFAULTS = { color: { mode: 'thresholds' }, mappings: [], thresholds: { mode: 'absolute', steps: [{ value: -Infinity, color: 'green' }, { value: 80, color: 'red' }] } };

const option = ([id, process]) => ({
  id, path: id, name: id, description: '', category: [''], editor: () => null, override: () => null, process, settings: {},
  shouldApply: () => true, getItemsCount: () => 0, defaultValue: DEFAULTS[id],
});

const transformer = info => ({ id: info.id, name: info.name, editor: () => null, imageDark: '', imageLight: '', transformation: async () => info });

/** @param source the one data source @param mode light or dark */
export function setUp(source, mode) {
  data.standardFieldConfigEditorRegistry.setInit(() => Object.entries(PROCESSORS).map(option));
  data.standardEditorsRegistry.setInit(() => []);
  data.standardTransformersRegistry.setInit(() => [data.standardTransformers.mergeTransformer, data.standardTransformers.organizeFieldsTransformer].map(transformer));

  const theme = data.createTheme({ colors: { mode } });
  Object.assign(runtime.config, { theme2: theme, panels: {}, appSubUrl: '' });
  data.locationUtil.initialize({ config: runtime.config, getTimeRangeForUrl: () => ({ from: 'now-7d', to: 'now' }), getVariablesUrlParams: () => ({}) });

  runtime.setAppEvents(new data.EventBusSrv());
  const settings = { uid: source.uid, type: 'prometheus', name: 'Prometheus', meta: { id: 'prometheus', info: { logos: {} } }, isDefault: true };
  runtime.setDataSourceSrv({
    get: async () => source,
    getList: ({ pluginId } = {}) => (pluginId === 'prometheus' ? [settings] : []),
    getInstanceSettings: () => settings,
  });
  runtime.setRunRequest((_, request) =>
    from(source.query(request)).pipe(map(({ data: series }) => ({ state: data.LoadingState.Done, series, timeRange: request.range, request }))));
  runtime.setPluginImportUtils({ importPanelPlugin: async id => { throw new Error(`no panel ${id}`); }, getPanelPluginFromCache: () => undefined });
  sceneUtils.registerRuntimeDataSource({ dataSource: source });
  return theme;
}
