// Drawing: levels into a bitmap, a bitmap into a box, and what is marked on it.

import type { Atoms, Hotspot } from "../server/live_frame";
import type { Viewport } from "./display";
import type { Layer } from "./layer";

/** Where a frame lies in a box: px of the box per px of the frame, and where the frame's first corner is. */
export interface Placement {
  scale: number;
  left: number;
  top: number;
}

/** @param shape rows and columns of the frame */
export function place(viewport: Viewport, shape: readonly [number, number], width: number, height: number): Placement {
  const [rows, columns] = shape;
  const scale = viewport.zoom * Math.min(width / columns, height / rows);
  return { scale, left: width / 2 - viewport.x * columns * scale, top: height / 2 - viewport.y * rows * scale };
}

/** The layer at its own size, into `canvas`. */
export function develop(canvas: HTMLCanvasElement | OffscreenCanvas, layer: Layer): void {
  const { width, height, values } = layer.levels;
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < values.length; i++) pixels[i] = layer.table[values[i]!]!;
  context.putImageData(image, 0, 0);
}

/** A bitmap of the whole frame, whatever its own size, where it belongs. */
export function show(context: CanvasRenderingContext2D, bitmap: OffscreenCanvas, shape: readonly [number, number], at: Placement): void {
  const { width, height } = context.canvas;
  context.clearRect(0, 0, width, height);
  context.imageSmoothingEnabled = (at.scale * shape[1]) / bitmap.width < 3;
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, at.left, at.top, shape[1] * at.scale, shape[0] * at.scale);
}

/** The ring of the atom that the pointer is on. */
export function drawHovered(context: CanvasRenderingContext2D, atoms: Atoms, i: number, radius: number, at: Placement, line: number): void {
  const [x, y] = centre(atoms, i, at);
  context.beginPath();
  context.arc(x, y, Math.max(1.35 * radius * at.scale, 6 * line), 0, 2 * Math.PI);
  context.lineWidth = 2 * line;
  context.strokeStyle = "#ffffff";
  context.stroke();
}

/** Dashed circles round places where the networks' doubt is out of line. */
export function drawHotspots(context: CanvasRenderingContext2D, hotspots: readonly Hotspot[], at: Placement, line: number): void {
  context.setLineDash([4 * line, 3 * line]);
  context.lineWidth = 1.6 * line;
  context.strokeStyle = "#ff8078";
  for (const { row, column, radius } of hotspots) {
    context.beginPath();
    context.arc(at.left + (column + 0.5) * at.scale, at.top + (row + 0.5) * at.scale, Math.max(1.5 * radius * at.scale, 7 * line), 0, 2 * Math.PI);
    context.stroke();
  }
  context.setLineDash([]);
}

/** px of the frame: a little more than the blobs', but no more than the room that each atom has. */
export function ringRadius(atoms: Atoms, shape: readonly [number, number]): number {
  if (atoms.count === 0) return 3;
  const areas = Array.from({ length: atoms.count }, (_, i) => atoms.area(i))
    .filter((area) => area > 0)
    .sort((a, b) => a - b);
  const median = areas[areas.length >> 1];
  const blob = median === undefined ? 3 : 1.15 * Math.sqrt(median / Math.PI);
  return Math.max(1, Math.min(Math.max(blob, 2.5), 0.45 * Math.sqrt((shape[0] * shape[1]) / atoms.count)));
}

/** The atom nearest to a point of the box, if there is one within its ring or a few px of it. */
export function atomAt(atoms: Atoms, x: number, y: number, radius: number, at: Placement, reach: number): number | null {
  let nearest: number | null = null;
  let least = Math.max(1.3 * radius * at.scale, reach) ** 2;
  for (let i = 0; i < atoms.count; i++) {
    const [atomX, atomY] = centre(atoms, i, at);
    const distance = (atomX - x) ** 2 + (atomY - y) ** 2;
    if (distance < least) [nearest, least] = [i, distance];
  }
  return nearest;
}

/** The origin of coordinates is the centre of the first pixel. */
export function centre(atoms: Atoms, i: number, at: Placement): [number, number] {
  return [at.left + (atoms.column(i) + 0.5) * at.scale, at.top + (atoms.row(i) + 0.5) * at.scale];
}
