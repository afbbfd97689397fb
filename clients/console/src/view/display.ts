// How the operator wants to see things. Nothing here leaves the page.

import { signal } from "@preact/signals";

export type Arrangement = "frame" | "two" | "all";
export type Tab = "networks" | "drift" | "history" | "health";

/** Percentiles of the frame's levels that are drawn black and white, and the exponent between. */
export interface Contrast {
  low: number;
  high: number;
  gamma: number;
}

/** Zoom 1 fits the frame into its box; the centre is a fraction of the frame's sides. */
export interface Viewport {
  zoom: number;
  x: number;
  y: number;
}

export const PLAIN: Contrast = { low: 0.5, high: 99.5, gamma: 1 };
export const FITTED: Viewport = { zoom: 1, x: 0.5, y: 0.5 };

export class Display {
  readonly arrangement = signal<Arrangement>("all");
  readonly tab = signal<Tab>("networks");
  /** The pane that stands beside the networks where there is room. */
  readonly beside = signal<Exclude<Tab, "networks">>("drift");
  readonly atoms = signal(true);
  readonly contrast = signal<Contrast>(PLAIN);
  readonly viewport = signal<Viewport>(FITTED);
  /** Index of the class whose maps are shown; null: the largest value of all. */
  readonly classId = signal<number | null>(null);
  /** Index of the atom that the pointer is on. */
  readonly hovered = signal<number | null>(null);
  /** The network that is enlarged. */
  readonly compared = signal<number | null>(null);
  readonly choosing = signal(false);
  readonly helping = signal(false);
  readonly everyStream = signal(false);
}
