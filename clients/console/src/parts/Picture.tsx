// One picture: levels in their colours, atoms, a scale bar, and the figures of the atom under the pointer.

import { useSignal, useSignalEffect, type Signal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";

import type { Atoms, Hotspot } from "../server/live_frame";
import { cividisStops, classColour } from "../view/colours";
import type { Viewport } from "../view/display";
import type { Layer } from "../view/layer";
import { atomAt, centre, develop, drawHotspots, drawHovered, place, ringRadius, show } from "../view/paint";
import { drawAtoms } from "../view/rings";
import { scaleBar } from "../view/scale_bar";
import { Steering } from "../view/steering";
import { number, percent } from "../view/words";

/** What a picture shows at a moment. */
export interface Shown {
  layer: Layer;
  /** Rows and columns of the frame. */
  shape: readonly [number, number];
  /** Å/px, null where unknown. */
  sampling: readonly [number, number] | null;
  classes: readonly string[];
  atoms: Atoms | null;
  drawAtoms: boolean;
  hotspots?: readonly Hotspot[];
}

interface Props {
  title: string;
  /** In words, for who can't see it. */
  summary: string;
  shown: Shown | null;
  /** Why there is nothing to show. */
  without?: string;
  viewport: Signal<Viewport>;
  hovered: Signal<number | null>;
}

const NEAR_PX = 9;
const BAR_MARGIN = 14;

export function Picture({ title, summary, shown, without = "nothing yet", viewport, hovered }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const given = useSignal(shown);
  const size = useSignal<readonly [number, number]>([1, 1]);
  const density = useSignal(window.devicePixelRatio);
  const bitmap = useMemo(() => new OffscreenCanvas(1, 1), []);
  const rings = useMemo(() => new OffscreenCanvas(1, 1), []);
  const developed = useRef<Layer | null>(null);
  const radius = useMemo(() => (shown?.atoms ? ringRadius(shown.atoms, shown.shape) : 0), [shown?.atoms]);
  const radiusNow = useRef(radius);
  radiusNow.current = radius;
  given.value = shown;

  const steering = useMemo(
    () => new Steering(viewport, { shape: () => given.peek()?.shape ?? [1, 1], size: () => size.peek() }),
    [viewport],
  );

  useEffect(() => {
    const element = canvas.current!;
    const observer = new ResizeObserver(() => {
      density.value = window.devicePixelRatio;
      size.value = [Math.max(1, element.clientWidth), Math.max(1, element.clientHeight)];
    });
    observer.observe(element);
    element.addEventListener("wheel", steering.wheel, { passive: false });
    return () => {
      observer.disconnect();
      element.removeEventListener("wheel", steering.wheel);
    };
  }, [steering]);

  useSignalEffect(() => {
    const [now, view, [width, height], dots, atom] = [given.value, viewport.value, size.value, density.value, hovered.value];
    const request = requestAnimationFrame(() => {
      const element = canvas.current;
      if (element === null) return;
      const [columns, rows] = [Math.round(width * dots), Math.round(height * dots)];
      if (element.width !== columns || element.height !== rows) {
        element.width = columns;
        element.height = rows;
      }
      const context = element.getContext("2d")!;
      if (now === null) {
        context.clearRect(0, 0, columns, rows);
        return;
      }
      if (developed.current !== now.layer) {
        develop(bitmap, now.layer);
        developed.current = now.layer;
      }
      const at = place(view, now.shape, columns, rows);
      show(context, bitmap, now.shape, at);
      drawHotspots(context, now.hotspots ?? [], at, dots);
      if (now.atoms === null) return;
      if (now.drawAtoms) drawAtoms(context, rings, now.atoms, radiusNow.current, now.shape, at, dots);
      if (atom !== null && atom < now.atoms.count) drawHovered(context, now.atoms, atom, radiusNow.current, at, dots);
    });
    return () => cancelAnimationFrame(request);
  });

  const hover = (event: PointerEvent): void => {
    steering.move(event);
    if (shown === null || shown.atoms === null) return;
    const at = place(viewport.peek(), shown.shape, ...size.peek());
    hovered.value = atomAt(shown.atoms, event.offsetX, event.offsetY, radius, at, NEAR_PX);
  };
  const key = (event: KeyboardEvent): void => {
    if (!steering.key(event)) return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <figure class="picture">
      <canvas
        ref={canvas}
        role="img"
        tabIndex={0}
        aria-label={`${title}. ${shown === null ? without : summary}`}
        onPointerDown={steering.down}
        onPointerMove={hover}
        onPointerUp={steering.up}
        onPointerCancel={steering.up}
        onPointerLeave={() => (hovered.value = null)}
        onDblClick={() => steering.fit()}
        onKeyDown={key}
      />
      <figcaption>{title}</figcaption>
      {shown === null ? <p class="nothing">{without}</p> : <Legends shown={shown} viewport={viewport} size={size} />}
      {shown !== null && <Tip shown={shown} viewport={viewport} size={size} hovered={hovered} />}
    </figure>
  );
}

interface Over {
  shown: Shown;
  viewport: Signal<Viewport>;
  size: Signal<readonly [number, number]>;
}

function Legends({ shown, viewport, size }: Over) {
  const [width, height] = size.value;
  const at = place(viewport.value, shown.shape, width, height);
  const range = shown.layer.range;
  const seen = Math.min(width - 2 * BAR_MARGIN, at.scale * shown.shape[1]);
  const bar = shown.sampling === null || seen < 40 ? null : scaleBar(shown.sampling[1] / at.scale, seen);
  return (
    <>
      {bar !== null && (
        <div class="scale-bar" style={{ width: `${bar.width}px` }}>
          {bar.text}
        </div>
      )}
      {shown.sampling === null && <div class="scale-bar unknown">no scale: sampling unknown</div>}
      {range !== null && (
        <div class="range" aria-hidden="true">
          <span>{tidy(range[0])}</span>
          <i style={{ background: `linear-gradient(to right, ${cividisStops.join(", ")})` }} />
          <span>{tidy(range[1])}</span>
        </div>
      )}
    </>
  );
}

function Tip({ shown, viewport, size, hovered }: Over & { hovered: Signal<number | null> }) {
  const atom = hovered.value;
  const atoms = shown.atoms;
  if (atom === null || atoms === null || atom >= atoms.count) return null;
  const [width, height] = size.value;
  const [x, y] = centre(atoms, atom, place(viewport.value, shown.shape, width, height));
  if (x < 0 || y < 0 || x > width || y > height) return null;
  const sigma = Math.hypot(atoms.sigmaRow(atom), atoms.sigmaColumn(atom));
  const angstrom = shown.sampling === null ? null : Math.hypot(atoms.sigmaRow(atom) * shown.sampling[0], atoms.sigmaColumn(atom) * shown.sampling[1]);
  const name = shown.classes[atoms.classId(atom)] ?? `class ${atoms.classId(atom)}`;
  const style = {
    left: `${Math.min(x + 16, Math.max(0, width - 190))}px`,
    top: `${y > height - 130 ? y - 128 : y + 12}px`,
  };
  return (
    <dl class="tip" style={style}>
      <div class="kind" style={{ color: classColour(atoms.classId(atom)) }}>
        <dt>class</dt>
        <dd>{name}</dd>
      </div>
      <div>
        <dt>probability</dt>
        <dd>{number(atoms.probability(atom), 3)}</dd>
      </div>
      <div>
        <dt>support</dt>
        <dd>{percent(atoms.support(atom))}</dd>
      </div>
      <div>
        <dt>σ position</dt>
        <dd>{Number.isNaN(sigma) ? "one network" : `${number(sigma)} px${angstrom === null ? "" : ` · ${number(angstrom, 3)} Å`}`}</dd>
      </div>
      <div>
        <dt>row, column</dt>
        <dd>
          {number(atoms.row(atom), 1)}, {number(atoms.column(atom), 1)}
        </dd>
      </div>
      <div>
        <dt>area</dt>
        <dd>{number(atoms.area(atom), 0)} px</dd>
      </div>
    </dl>
  );
}

function tidy(value: number): string {
  return String(Number(value.toPrecision(2)));
}
