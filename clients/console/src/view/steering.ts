// Moving about in a picture with mouse, fingers and keys. Zooming keeps the point under the pointer where it is.

import type { Signal } from "@preact/signals";

import { FITTED, type Viewport } from "./display";
import { place } from "./paint";

const MOST_ZOOM = 40;
const KEY_ZOOM = 1.25;
const KEY_PAN = 0.1;

/** What can be asked of the picture that is steered. `size`: px of its box on the page. */
export interface Steered {
  shape: () => readonly [number, number];
  size: () => readonly [number, number];
}

export class Steering {
  private readonly fingers = new Map<number, { x: number; y: number }>();

  constructor(
    private readonly viewport: Signal<Viewport>,
    private readonly steered: Steered,
  ) {}

  readonly wheel = (event: WheelEvent): void => {
    event.preventDefault();
    const steps = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY / 3 : event.deltaY / 120;
    this.zoom(1.2 ** -Math.max(-3, Math.min(3, steps)), event.offsetX, event.offsetY);
  };

  readonly down = (event: PointerEvent): void => {
    (event.currentTarget as Element).setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
  };

  readonly up = (event: PointerEvent): void => {
    this.fingers.delete(event.pointerId);
  };

  readonly move = (event: PointerEvent): void => {
    const before = this.fingers.get(event.pointerId);
    if (before === undefined) return;
    const now = { x: event.offsetX, y: event.offsetY };
    const other = [...this.fingers].find(([id]) => id !== event.pointerId)?.[1];
    this.fingers.set(event.pointerId, now);
    if (other === undefined) {
      this.pan(now.x - before.x, now.y - before.y);
      return;
    }
    const apart = (one: { x: number; y: number }): number => Math.max(8, Math.hypot(one.x - other.x, one.y - other.y));
    this.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    this.zoom(apart(now) / apart(before), (now.x + other.x) / 2, (now.y + other.y) / 2);
  };

  /** Whether the key meant the picture. */
  key(event: KeyboardEvent): boolean {
    const [width, height] = this.steered.size();
    const step = KEY_PAN * Math.min(width, height);
    const pans: Record<string, [number, number]> = {
      ArrowLeft: [step, 0],
      ArrowRight: [-step, 0],
      ArrowUp: [0, step],
      ArrowDown: [0, -step],
    };
    const pan = event.shiftKey ? pans[event.key] : undefined;
    if (pan !== undefined) this.pan(...pan);
    else if (event.key === "+" || event.key === "=") this.zoom(KEY_ZOOM, width / 2, height / 2);
    else if (event.key === "-") this.zoom(1 / KEY_ZOOM, width / 2, height / 2);
    else return false;
    return true;
  }

  fit(): void {
    this.viewport.value = FITTED;
  }

  private pan(dx: number, dy: number): void {
    const { zoom, x, y } = this.viewport.value;
    const [rows, columns] = this.steered.shape();
    const { scale } = place(this.viewport.value, [rows, columns], ...this.steered.size());
    this.viewport.value = { zoom, x: clamp(x - dx / (columns * scale)), y: clamp(y - dy / (rows * scale)) };
  }

  private zoom(factor: number, atX: number, atY: number): void {
    const before = this.viewport.value;
    const zoom = Math.min(MOST_ZOOM, Math.max(1, before.zoom * factor));
    if (zoom === 1) {
      this.fit();
      return;
    }
    const [rows, columns] = this.steered.shape();
    const [width, height] = this.steered.size();
    const was = place(before, [rows, columns], width, height);
    const scale = (was.scale * zoom) / before.zoom;
    const at = (offset: number, corner: number, middle: number, side: number): number =>
      clamp(((offset - corner) / was.scale - (offset - middle) / scale) / side);
    this.viewport.value = { zoom, x: at(atX, was.left, width / 2, columns), y: at(atY, was.top, height / 2, rows) };
  }
}

function clamp(fraction: number): number {
  return Math.min(1, Math.max(0, fraction));
}
