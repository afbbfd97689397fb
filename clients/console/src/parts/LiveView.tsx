// The last frame with its atoms, what the networks make of it, and how far they agree.

import { useMemo } from "preact/hooks";

import { useConsole } from "../console";
import type { LiveFrame } from "../server/live_frame";
import { frameLayer, mapLayer, spreadLayer, type Layer } from "../view/layer";
import { Freshness } from "./Freshness";
import { Picture, type Shown } from "./Picture";
import { Tools } from "./Tools";
import { Steps } from "./Steps";

/** The strongest; more of them hide what they are about. */
const MOST_HOTSPOTS = 8;

export function LiveView() {
  const { live, display } = useConsole();
  const frame = live.shown.value;
  const contrast = display.contrast.value;
  const classId = display.classId.value;
  const atoms = display.atoms.value;
  const arrangement = display.arrangement.value;
  const pictures = useMemo(() => (frame === null ? null : shownOf(frame, contrast, classId, atoms)), [frame, contrast, classId, atoms]);
  const summary = frame === null ? "" : `Frame ${frame.frameId}, ${countsOf(frame)}, analysed by ${frame.members.length} networks of ${frame.ensemble}`;
  const common = { summary, viewport: display.viewport, hovered: display.hovered };
  return (
    <section class="live-view" aria-label="Live view" data-frame={frame?.frameId ?? ""} data-state={live.freshness.value}>
      <Tools frame={frame} />
      <div class={`pictures ${arrangement}`} data-fresh={live.freshness.value}>
        <Picture title="Frame" shown={pictures?.frame ?? null} {...common} />
        {arrangement !== "frame" && <Picture title="Mean segmentation" shown={pictures?.mean ?? null} {...common} />}
        {arrangement === "all" && (
          <Picture title="Uncertainty (standard deviation)" shown={pictures?.spread ?? null} without={withoutSpread(frame)} {...common} />
        )}
        <Freshness />
      </div>
      <Steps frame={frame} />
    </section>
  );
}

function withoutSpread(frame: LiveFrame | null): string {
  return frame !== null && frame.members.length === 1 ? `one network (${frame.members[0]}) alone has no spread` : "nothing yet";
}

/** "312 atoms: 300 C, 12 Si". */
export function countsOf(frame: LiveFrame): string {
  const atoms = frame.atoms;
  if (atoms === null) return "";
  const counts = frame.classes.map(() => 0);
  for (let i = 0; i < atoms.count; i++) counts[atoms.classId(i)]! += 1;
  const classes = counts.length < 2 ? "" : `: ${counts.map((count, i) => `${count} ${frame.classes[i]}`).join(", ")}`;
  return `${atoms.count} atoms${classes}`;
}

function shownOf(
  frame: LiveFrame,
  contrast: Parameters<typeof frameLayer>[1],
  classId: number | null,
  rings: boolean,
): Record<"frame" | "mean" | "spread", Shown | null> {
  const shown = (layer: Layer | null, drawAtoms: boolean): Shown | null =>
    layer && { layer, shape: frame.shape, sampling: frame.sampling, classes: frame.classes, atoms: frame.atoms, drawAtoms };
  const spread = shown(spreadLayer(frame.std, classId), false);
  return {
    frame: shown(frameLayer(frame, contrast), rings),
    mean: shown(mapLayer(frame.mean, classId), false),
    spread: spread && { ...spread, hotspots: frame.hotspots.slice(0, MOST_HOTSPOTS) },
  };
}
