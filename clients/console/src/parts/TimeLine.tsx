// One figure over time, with the changes of the selection marked on it.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

/** Something that happened at a time, Unix seconds. */
export interface Mark {
  at: number;
  colour: string;
}

interface Props {
  title: string;
  colour: string;
  /** From when to when, Unix seconds: the same for time lines that stand together. */
  span: readonly [number, number];
  times: readonly number[];
  values: readonly (number | null)[];
  marks: readonly Mark[];
  digits: number;
  /** Drawn across where there is one: beyond it something is wrong. */
  limit?: number;
  /** Time lines with the same name show the same moment under the pointer. */
  together: string;
}

interface Drawn {
  span: readonly [number, number];
  marks: readonly Mark[];
  limit: number | undefined;
}

const HEIGHT = 84;
const GRID = "#232a35";
const TEXT = "#9aa7b4";

export function TimeLine({ title, colour, span, times, values, marks, digits, limit, together }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const drawn = useRef<Drawn>({ span, marks, limit });
  drawn.current = { span, marks, limit };

  useEffect(() => {
    const element = box.current!;
    const made = new uPlot(options(element.clientWidth, colour, digits, together, () => drawn.current), [[], []], element);
    const observer = new ResizeObserver(() => made.setSize({ width: Math.max(80, element.clientWidth), height: HEIGHT }));
    observer.observe(element);
    plot.current = made;
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [colour, digits, together]);

  useEffect(() => {
    plot.current?.setData([times as number[], values as (number | null)[]]);
  }, [span, times, values, marks]);

  const last = values.at(-1);
  return (
    <figure class="time-line">
      <figcaption>
        <span>{title}</span> <b style={{ color: colour }}>{last === null || last === undefined ? "–" : last.toFixed(digits)}</b>
      </figcaption>
      <div ref={box} role="img" aria-label={`${title} over the last frames; now ${last === null || last === undefined ? "unknown" : last.toFixed(digits)}`} />
    </figure>
  );
}

function options(width: number, colour: string, digits: number, together: string, drawn: () => Drawn): uPlot.Options {
  const axis: uPlot.Axis = {
    stroke: TEXT,
    font: "10px system-ui",
    grid: { stroke: GRID, width: 1 },
    ticks: { show: false },
  };
  return {
    width: Math.max(80, width),
    height: HEIGHT,
    legend: { show: false },
    cursor: { sync: { key: together }, y: false, points: { size: 6 }, drag: { setScale: false } },
    padding: [6, 8, 0, 0],
    scales: { x: { time: true, range: () => [...drawn().span] }, y: { range: (_, low, high) => spread(low, high, drawn().limit) } },
    axes: [
      { ...axis, size: 18, space: 70, values: (_, ticks) => ticks.map((tick) => new Date(1000 * tick).toLocaleTimeString([], { hour12: false })) },
      { ...axis, size: 42, space: 26, values: (_, ticks) => ticks.map((tick) => tick.toFixed(digits)) },
    ],
    series: [{}, { stroke: colour, width: 1.5, points: { show: false }, spanGaps: false }],
    hooks: {
      draw: [
        (self) => {
          const { marks, limit } = drawn();
          drawMarks(self, marks);
          if (limit !== undefined) drawLimit(self, limit);
        },
      ],
    },
  };
}

function drawMarks(plot: uPlot, marks: readonly Mark[]): void {
  const { ctx, bbox } = plot;
  const { min, max } = plot.scales.x!;
  ctx.save();
  ctx.lineWidth = window.devicePixelRatio;
  for (const { at, colour } of marks) {
    if (min == null || max == null || at < min || at > max) continue;
    const x = Math.round(plot.valToPos(at, "x", true));
    ctx.strokeStyle = colour;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

function drawLimit(plot: uPlot, limit: number): void {
  const { ctx, bbox } = plot;
  const y = plot.valToPos(limit, "y", true);
  if (y < bbox.top || y > bbox.top + bbox.height) return;
  ctx.save();
  ctx.strokeStyle = "#ff7b72";
  ctx.setLineDash([4, 4]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}

/** A range with room above and below; never an empty one. */
function spread(low: number | null, high: number | null, limit: number | undefined): [number, number] {
  if (limit !== undefined) return [0, Math.max(high ?? 0, limit) * 1.15];
  if (low === null || high === null) return [0, 1];
  const room = Math.max(0.08 * (high - low), 0.08 * Math.max(Math.abs(low), Math.abs(high)), 1e-3);
  return [low - room, high + room];
}
