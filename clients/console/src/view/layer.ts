// What one picture shows: levels, and the colours that they get.

import type { Levels, LiveFrame } from "../server/live_frame";
import { cividis, greys, type Table } from "./colours";
import type { Contrast } from "./display";

export interface Layer {
  levels: Levels;
  table: Table;
  /** What the ends of the colours stand for; null where that is nobody's business, as with grey levels. */
  range: [number, number] | null;
}

/** Half of the largest spread that values from 0 to 1 can have: the same scale for every frame. */
const STD_TOP = 0.25;

export function frameLayer(frame: LiveFrame, contrast: Contrast): Layer | null {
  if (frame.frame === null) return null;
  const [black, white] = percentiles(frame.frame, contrast.low, contrast.high);
  return { levels: frame.frame, table: greys(black, white, contrast.gamma), range: null };
}

export function mapLayer(maps: readonly Levels[], classId: number | null): Layer | null {
  const levels = oneMap(maps, classId);
  return levels === null ? null : { levels, table: cividis, range: [levels.low, levels.high] };
}

export function spreadLayer(maps: readonly Levels[], classId: number | null): Layer | null {
  const levels = oneMap(maps, classId);
  return levels === null ? null : { levels, table: stretched(cividis, STD_TOP / levels.high), range: [0, STD_TOP] };
}

/** The absolute difference of two maps of the same size. */
export function differenceLayer(one: readonly Levels[], other: readonly Levels[], classId: number | null): Layer | null {
  const [a, b] = [oneMap(one, classId), oneMap(other, classId)];
  if (a === null || b === null || a.values.length !== b.values.length) return null;
  const values = a.values.map((value, i) => Math.abs(value - b.values[i]!));
  return { levels: { ...a, values }, table: cividis, range: [0, 1] };
}

const largest = new WeakMap<readonly Levels[], Levels>();

/** One class of several, or the largest value of all. */
function oneMap(maps: readonly Levels[], classId: number | null): Levels | null {
  const first = maps[0];
  if (first === undefined) return null;
  if (classId !== null && maps[classId] !== undefined) return maps[classId];
  if (maps.length === 1) return first;
  let found = largest.get(maps);
  if (found === undefined) {
    const values = first.values.slice();
    for (const { values: others } of maps.slice(1)) {
      for (let i = 0; i < values.length; i++) if (others[i]! > values[i]!) values[i] = others[i]!;
    }
    found = { ...first, values };
    largest.set(maps, found);
  }
  return found;
}

const histograms = new WeakMap<Levels, Uint32Array>();

export function histogram(levels: Levels): Uint32Array {
  let counts = histograms.get(levels);
  if (counts === undefined) {
    counts = new Uint32Array(256);
    for (const value of levels.values) counts[value]! += 1;
    histograms.set(levels, counts);
  }
  return counts;
}

/** The levels below which `low` and `high` percent of the pixels are. */
export function percentiles(levels: Levels, low: number, high: number): [number, number] {
  const counts = histogram(levels);
  const at = (percent: number): number => {
    let left = (percent / 100) * levels.values.length;
    for (let level = 0; level < 256; level++) {
      left -= counts[level]!;
      if (left <= 0) return level;
    }
    return 255;
  };
  return [at(low), at(high)];
}

/** The colours over a shorter range: what is beyond gets the last one. */
function stretched(table: Table, fraction: number): Table {
  return table.map((_, level) => table[Math.min(255, Math.round(level / fraction))]!);
}
