// Grafana's state timeline is part of its server's pages; this draws the same from the same processed fields.
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

/** About as many pixels as a text is wide; Japanese characters are twice as wide. */
const widthOf = text => [...text].reduce((sum, character) => sum + (character > '\u2e80' ? 12.5 : 7), 0);

/** Midnights where the time axis has its marks, at most eight. */
function midnights(timeRange, timeZone) {
  const days = [];
  for (let time = timeRange.from.valueOf(); time < timeRange.to.valueOf(); time += 3_600_000) {
    const hour = Math.ceil(time / 3_600_000) * 3_600_000;
    if (dateTimeFormat(hour, { format: 'HH', timeZone }) === '00') days.push(hour);
  }
  return days.filter((_, index) => index % Math.ceil(days.length / 8) === 0);
}

/** As Grafana does: as many rows as a page of the panel has, and which page of them it is. */
export function StateTimeline({ data, width, height, options, timeRange, timeZone }) {
  const theme = useTheme2();
  const from = timeRange.from.valueOf(), span = timeRange.to.valueOf() - from;
  const all = data.series, shown = all.slice(0, options.perPage || all.length), footer = shown.length < all.length ? 18 : 0;
  const names = shown.map(frame => frame.fields[1].state?.displayName ?? frame.fields[1].config.displayNameFromDS);
  const label = Math.min(width * 0.45, Math.max(...names.map(widthOf)) + 8), row = Math.min(48, (height - 22 - footer) / shown.length);
  const at = time => `${Math.max(0, (time - from) / span) * 100}%`;
  return (
    <div className="timeline" style={{ fontSize: 12 }}>
      {shown.map((frame, index) => (
        <div key={index} style={{ display: 'flex', height: row, alignItems: 'center' }}>
          <div className="series" style={{ width: label, flex: 'none', overflow: 'hidden', whiteSpace: 'nowrap', textOverflow: 'ellipsis' }}>{names[index]}</div>
          <div style={{ position: 'relative', flex: 1, height: row * 0.85 }}>
            {stretches(frame).map(({ text, color, start, end }, key) => {
              const share = Math.max(0.004, (end - Math.max(start, from)) / span);
              return (
                <div key={key} className="state" style={{ position: 'absolute', left: at(start), width: `${share * 100}%`, height: '100%', background: color, color: theme.colors.getContrastText(color),
                  overflow: 'hidden', whiteSpace: 'nowrap', paddingLeft: share > 0.05 ? 4 : 0, lineHeight: `${row * 0.85}px`, boxSizing: 'border-box' }}>
                  {share * (width - label) > widthOf(text) + 6 ? text : ''}
                </div>
              );
            })}
          </div>
        </div>
      ))}
      <div style={{ position: 'relative', height: 18, marginLeft: label, opacity: 0.7 }}>
        {midnights(timeRange, timeZone).map(tick => <span key={tick} style={{ position: 'absolute', left: at(tick), transform: 'translateX(-50%)', whiteSpace: 'nowrap' }}>{dateTimeFormat(tick, { format: 'MM/DD', timeZone })}</span>)}
      </div>
      {footer > 0 && <div style={{ textAlign: 'center' }}>1 – {shown.length} / {all.length}</div>}
    </div>
  );
}
