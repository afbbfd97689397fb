// A few figures of every frame that was seen, for time lines: a ring, so that a page that stays open for days does not grow.

import { signal } from "@preact/signals";

import type { LiveFrame } from "../server/live_frame";

const LENGTH = 1200;
/** Level from which on a pixel of the mean map belongs to an atom. */
const ATOM = 128;

export interface Point {
  /** Unix seconds. */
  at: number;
  frameId: number;
  revision: number;
  atoms: number;
  support: number | null;
  uncertainty: number | null;
  latencyMs: number;
}

export class Series {
  readonly points = signal<Point[]>([]);

  clear(): void {
    this.points.value = [];
  }

  /** When a frame came, or the first after it that did; null where all came before. */
  timeOf(frameId: number): number | null {
    return this.points.value.find((point) => point.frameId >= frameId)?.at ?? null;
  }

  add(frame: LiveFrame): void {
    this.points.value = [...this.points.value.slice(1 - LENGTH), pointOf(frame, Date.now() / 1000)];
  }
}

function pointOf(frame: LiveFrame, at: number): Point {
  const atoms = frame.atoms;
  let support = 0;
  for (let i = 0; atoms !== null && i < atoms.count; i++) support += atoms.support(i);
  return {
    at,
    frameId: frame.frameId,
    revision: frame.revision,
    atoms: atoms?.count ?? 0,
    support: atoms === null || atoms.count === 0 ? null : support / atoms.count,
    uncertainty: uncertaintyOf(frame),
    latencyMs: frame.timing.total_ms,
  };
}

/** Mean spread of the networks where their mean says "atom"; null where it says so nowhere. */
export function uncertaintyOf(frame: LiveFrame): number | null {
  let sum = 0;
  let count = 0;
  frame.std.forEach((std, classId) => {
    const mean = frame.mean[classId]!.values;
    const step = (std.high - std.low) / 255;
    for (let i = 0; i < mean.length; i++) {
      if (mean[i]! < ATOM) continue;
      sum += std.low + step * std.values[i]!;
      count += 1;
    }
  });
  return count === 0 ? null : sum / count;
}
