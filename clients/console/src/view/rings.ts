// A ring for every atom. One ring of each kind is drawn once and put down again and again: to stroke a thousand of them takes a browser without
// a graphics card 15 ms, to put them down 2.

import type { Atoms } from "../server/live_frame";
import { classColour } from "./colours";
import { centre, type Placement } from "./paint";

const SHADE = "rgba(0, 0, 0, 0.55)";
const FAINTEST = 0.25;
const STEPS = 4;
/** Rings smaller than this (radius, px of the box) run together: dots are drawn instead. */
const LEAST_RING = 2.4;
/** Parts of a pixel that a small ring is put down at: a lattice looks even, and nothing is smoothed. */
const PHASES = 4;
/** Rings larger than this (radius, px of the box) are put down at whole pixels. */
const LARGE_RING = 16;

/** Colour by class, opacity by support. `sheet`: where the rings to be put down are drawn. */
export function drawAtoms(
  context: CanvasRenderingContext2D,
  sheet: OffscreenCanvas,
  atoms: Atoms,
  radius: number,
  shape: readonly [number, number],
  at: Placement,
  line: number,
): void {
  const drawn = radius * at.scale;
  const phases = drawn > LARGE_RING * line ? 1 : PHASES;
  const { width, height } = context.canvas;
  const kinds = new Map<number, { x: number; y: number }[]>();
  for (let i = 0; i < atoms.count; i++) {
    const [x, y] = centre(atoms, i, at);
    if (x < -drawn || y < -drawn || x > width + drawn || y > height + drawn) continue;
    const kind = atoms.classId(i) * (STEPS + 1) + Math.round(STEPS * Math.min(1, Math.max(0, atoms.support(i) || 0)));
    const places = kinds.get(kind);
    if (places === undefined) kinds.set(kind, [{ x, y }]);
    else places.push({ x, y });
  }
  context.save();
  context.beginPath();
  context.rect(at.left, at.top, shape[1] * at.scale, shape[0] * at.scale);
  context.clip();
  for (const [kind, places] of kinds) {
    const side = drawSheet(sheet, kind, drawn, line, phases);
    for (const { x, y } of places) {
      const [left, top] = [Math.round((x - side / 2) * phases), Math.round((y - side / 2) * phases)];
      const [column, row] = [Math.floor(left / phases), Math.floor(top / phases)];
      context.drawImage(sheet, (left - column * phases) * side, (top - row * phases) * side, side, side, column, row, side, side);
    }
  }
  context.restore();
}

/** Rings of one kind, a little further right in each column and a little further down in each row; the side of each, px. */
function drawSheet(sheet: OffscreenCanvas, kind: number, drawn: number, line: number, phases: number): number {
  const dot = drawn < LEAST_RING * line;
  const size = dot ? 1.1 * line : drawn;
  const side = 2 * Math.ceil(size + 1.3 * line) + 2;
  sheet.width = sheet.height = phases * side; // empties it too
  const context = sheet.getContext("2d")!;
  context.globalAlpha = 1;
  const rings = new Path2D();
  for (let row = 0; row < phases; row++) {
    for (let column = 0; column < phases; column++) {
      const [x, y] = [(column + 0.5) * side + column / phases, (row + 0.5) * side + row / phases];
      rings.moveTo(x + size, y);
      rings.arc(x, y, size, 0, 2 * Math.PI);
    }
  }
  const stroke = (width: number, colour: string): void => {
    context.lineWidth = width * line;
    context.strokeStyle = colour;
    context.stroke(rings);
  };
  if (!dot) stroke(2.6, SHADE);
  context.globalAlpha = FAINTEST + ((1 - FAINTEST) * (kind % (STEPS + 1))) / STEPS;
  const colour = classColour(Math.floor(kind / (STEPS + 1)));
  if (!dot) stroke(1.3, colour);
  else {
    context.fillStyle = colour;
    context.fill(rings);
  }
  return side;
}
