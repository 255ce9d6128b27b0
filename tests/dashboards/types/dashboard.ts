// What Grafana's own libraries say a dashboard is, with the options of each panel type, which the Dashboard type leaves open.
// check-types.mjs checks the shipped JSON against it; a property that Grafana does not know is an error.
import type * as Schema from '@grafana/schema';
import type * as Stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as StateTimeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as StatusHistory from '@grafana/schema/dist/esm/raw/composable/statushistory/panelcfg/x/StatusHistoryPanelCfg_types.gen';
import type * as Table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as TimeSeries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

/** A type as JSON writes it: enumerations by their values. */
type Json<T> = T extends string ? `${T}`
  : T extends number ? `${T}` extends `${infer Value extends number}` ? Value : T
  : T extends (infer Item)[] ? Json<Item>[]
  : T extends object ? { [Key in keyof T]: Json<T[Key]> }
  : T;

/** A query of Grafana's Prometheus plugin, whose types are not published: over the shown range, or of one instant. The data source is the panel's. */
interface PrometheusQuery {
  refId: string;
  expr: string;
  legendFormat?: string;
  instant?: true;
  format?: 'table';
}

type MappedValue = { text?: string; color?: string; index?: number };
type Mapping =
  | { type: 'value'; options: Record<string, MappedValue> }
  | { type: 'special'; options: { match: 'null'; result: MappedValue } }
  | { type: 'range'; options: { from: number | null; to: number | null; result: MappedValue } };

/** Known properties are checked; `unknown` in Grafana's type would let any through. */
type Defaults<Custom> = Omit<Json<Schema.FieldConfig>, 'custom' | 'mappings' | 'thresholds' | 'color'> & {
  custom?: Custom;
  mappings?: Mapping[];
  thresholds?: { mode: 'absolute'; steps: { color: string; value: number | null }[] };
  color?: Json<Schema.FieldColor>;
};

type Link = { title: string; url: string; targetBlank: boolean };

type Standard = Required<Omit<Defaults<never>, 'custom' | 'links'>> & { links: Link[] };
type Property<Custom> =
  | { [Key in keyof Standard]: { id: Key; value: Standard[Key] } }[keyof Standard]
  | { [Key in keyof Required<Custom> & string]: { id: `custom.${Key}`; value: Required<Custom>[Key] } }[keyof Required<Custom> & string];

type Override<Custom> = { matcher: { id: 'byName' | 'byRegexp'; options: string }; properties: Property<Custom>[] };

type Transformation =
  | { id: 'merge'; options: Record<string, never> }
  | { id: 'organize'; options: { excludeByName: Record<string, boolean>; indexByName: Record<string, number>; renameByName: Record<string, string>; includeByName: Record<string, boolean> } };

type Panel<Type extends string, Options, Custom> = Omit<Json<Schema.Panel>, 'type' | 'options' | 'fieldConfig' | 'targets' | 'transformations'> & {
  type: Type;
  options?: Partial<Json<Options>>; // Grafana adds the panel's own defaults
  fieldConfig: { defaults: Defaults<Partial<Json<Custom>>>; overrides: Override<Json<Custom>>[] };
  targets: PrometheusQuery[];
  transformations?: Transformation[];
};

/** Closed, it holds its panels. */
type Row = Omit<Json<Schema.RowPanel>, 'panels'> & { panels: Shown[] };

type Shown =
  | Panel<'stat', Stat.Options, Record<never, never>>
  | Panel<'table', Table.Options, Table.FieldConfig>
  | Panel<'timeseries', TimeSeries.Options, Schema.GraphFieldConfig>
  | Panel<'state-timeline', StateTimeline.Options, StateTimeline.FieldConfig>
  | Panel<'status-history', StatusHistory.Options, StatusHistory.FieldConfig>;

type Variable = Partial<Json<Schema.VariableModel>> & { name: string; type: Schema.VariableType };

export type Dashboard = Omit<Json<Schema.Dashboard>, 'panels' | 'annotations' | 'templating' | 'id'> & {
  id: null;
  panels: (Shown | Row)[];
  templating: { list: Variable[] };
};
