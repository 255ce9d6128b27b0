// Grafana's state timeline and status history are part of its server's pages; this draws the same from the same processed fields.
import React from 'react';
import { dateTimeFormat } from '@grafana/data';
import { useTheme2 } from '@grafana/ui';

/** Runs of equal shown values, each with its first and last instant. */
function stretches(frame) {
  const [times, states] = frame.fields;
  const found = [];
  states.values.forEach((value, index) => {
    const shown = states.display(value), last = found.at(-1), time = times.values[index];
    // A gap of more than an hour: nothing was known.
    const continues = last && time - last.end < 3_600_000;
    if (continues) last.end = time;
    if (!continues || last.text !== shown.text) found.push({ text: shown.text, color: shown.color, start: time, end: time });
  });
  return found;
}

/** A cell around each instant, as wide as the query's step. */
function cells(frame) {
  const [times, states] = frame.fields, half = times.config.interval / 2;
  return states.values.map((value, index) => {
    const { text, color } = states.display(value), time = times.values[index];
    return { text, color, start: time - half * 0.95, end: time + half * 0.95 };
  });
}

/** About as many pixels as a text is wide; Japanese characters are twice as wide. */
const widthOf = text => [...text].reduce((sum, character) => sum + (character > '\u2e80' ? 12.5 : 7), 0);

/** Midnights where the time axis has its marks, as many as there is room for. */
function midnights(from, to, timeZone, room) {
  const days = [];
  for (let time = from; time < to; time += 3_600_000) {
    const hour = Math.ceil(time / 3_600_000) * 3_600_000;
    if (dateTimeFormat(hour, { format: 'HH', timeZone }) === '00') days.push(hour);
  }
  return days.filter((_, index) => index % Math.ceil(days.length / Math.max(1, Math.floor(room / 50))) === 0);
}

/** The shown values of the fields' mappings, each with its colour. */
const Legend = ({ field }) => (
  <div style={{ textAlign: 'center' }}>
    {field.config.mappings.flatMap(mapping => Object.values(mapping.options)).map(({ text, color }) => (
      <span key={text} style={{ marginRight: 12, whiteSpace: 'nowrap' }}><span style={{ display: 'inline-block', width: 14, height: 4, background: color, marginRight: 5, verticalAlign: 'middle', outline: '1px solid #8884' }} />{text}</span>
    ))}
  </div>
);

/** As many rows as a page of the panel has, and which page of them it is, as Grafana does. */
function Rows({ data, width, height, options, timeRange, timeZone, marksOf, around }) {
  const theme = useTheme2();
  const from = timeRange.from.valueOf() - around, to = timeRange.to.valueOf() + around, span = to - from;
  const all = data.series, shown = all.slice(0, options.perPage || all.length), footer = shown.length < all.length ? 18 : 0;
  const field = shown[0].fields[1], legend = options.legend.showLegend && field.config.mappings?.length ? 18 : 0;
  const names = shown.map(frame => frame.fields[1].state?.displayName ?? frame.fields[1].config.displayNameFromDS);
  const label = Math.min(width * 0.45, Math.max(...names.map(widthOf)) + 8), row = Math.min(48, (height - 22 - footer - legend) / shown.length);
  const at = time => `${Math.max(0, (time - from) / span) * 100}%`;
  return (
    <div className="timeline" style={{ fontSize: 12 }}>
      {shown.map((frame, index) => (
        <div key={index} style={{ display: 'flex', height: row, alignItems: 'center' }}>
          <div className="series" style={{ width: label, flex: 'none', overflow: 'hidden', whiteSpace: 'nowrap', textOverflow: 'ellipsis' }}>{names[index]}</div>
          <div style={{ position: 'relative', flex: 1, height: row * 0.85 }}>
            {marksOf(frame).map(({ text, color, start, end }, key) => {
              const { lineWidth, fillOpacity } = frame.fields[1].config.custom;
              const share = Math.max(0.004, (Math.min(end, to) - Math.max(start, from)) / span);
              const fill = color.startsWith('#') ? `${color.slice(0, 7)}${Math.round(fillOpacity * 2.55).toString(16).padStart(2, '0')}` : color;
              return (
                <div key={key} className="state" style={{ position: 'absolute', left: at(start), width: `${share * 100}%`, height: '100%', background: fill, border: lineWidth ? `${lineWidth}px solid ${color}` : 'none',
                  color: fillOpacity < 50 ? theme.colors.text.primary : theme.colors.getContrastText(color), overflow: 'hidden', whiteSpace: 'nowrap', paddingLeft: share > 0.05 ? 4 : 0, lineHeight: `${row * 0.8}px`, boxSizing: 'border-box' }}>
                  {options.showValue !== 'never' && share * (width - label) > widthOf(text) + 6 ? text : ''}
                </div>
              );
            })}
          </div>
        </div>
      ))}
      <div style={{ position: 'relative', height: 18, marginLeft: label, opacity: 0.7 }}>
        {midnights(from, to, timeZone, width - label).map(tick => <span key={tick} style={{ position: 'absolute', left: at(tick), transform: 'translateX(-50%)', whiteSpace: 'nowrap' }}>{dateTimeFormat(tick, { format: 'MM/DD', timeZone })}</span>)}
      </div>
      {legend > 0 && <Legend field={field} />}
      {footer > 0 && <div style={{ textAlign: 'center' }}>1 – {shown.length} / {all.length}</div>}
    </div>
  );
}

export const StateTimeline = properties => <Rows {...properties} marksOf={stretches} around={0} />;
export const StatusHistory = properties => <Rows {...properties} marksOf={cells} around={properties.data.series[0].fields[0].config.interval / 2} />;
