// One network large, beside the mean of those in force on the same frame, and where the two differ.

import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";

import { useConsole } from "../console";
import type { OwnMap } from "../model/networks";
import { FITTED } from "../view/display";
import { differenceLayer, mapLayer, type Layer } from "../view/layer";
import { number, percent } from "../view/words";
import { Dialog } from "./Dialog";
import { Picture, type Shown } from "./Picture";

export function Compare({ id }: { id: number }) {
  const { networks, selection, display, session, live } = useConsole();
  const viewport = useSignal(FITTED);
  const hovered = useSignal<number | null>(null);
  const map = networks.maps.value.get(id) ?? null;
  const classId = display.classId.value;
  const pictures = useMemo(() => (map === null ? null : shownOf(map, classId)), [map, classId]);
  const ids = selection.now.value?.members.map((member) => member.id) ?? [];
  const member = networks.figures.value?.members.find((one) => one.id === id) ?? null;
  const wanted = selection.wanted(id);
  const off = !session.mayOperate.value || selection.pending.value;
  const close = (): void => {
    display.compared.value = null;
  };
  const step = (by: number): void => {
    display.compared.value = ids[(ids.indexOf(id) + by + ids.length) % ids.length]!;
  };
  const about = map === null ? "" : `frame ${map.frame.frameId}${map.frame.kind === "inactive" ? ", analysed without it" : ""}`;
  const common = { viewport, hovered, summary: about, without: "Its map has not come yet: deselected networks are run when there is time." };
  return (
    <Dialog title={`Network ${id}`} class="compare" onClose={close}>
      <div class="pictures all" data-fresh={live.freshness.value}>
        <Picture title={`Network ${id}`} shown={pictures?.own ?? null} {...common} />
        <Picture title="Mean of those in use" shown={pictures?.mean ?? null} {...common} />
        <Picture title="Difference" shown={pictures?.difference ?? null} {...common} />
      </div>
      <footer>
        <button type="button" aria-label="Network before" onClick={() => step(-1)}>
          ◀
        </button>
        <button type="button" aria-label="Next network" onClick={() => step(1)}>
          ▶
        </button>
        <p>
          <span>{about}</span>
          <span>agrees on {percent(member?.figures?.atom_agreement)} of the atoms</span>
          <span>pixels {percent(member?.figures?.pixel_agreement)}</span>
          <span>fog {number(member?.figures?.fog)}</span>
          <span>sees {member?.figures?.detections ?? "–"}</span>
          {member?.metrics.iou !== undefined && <span>IoU {number(member.metrics.iou)} on its test set</span>}
        </p>
        <button type="button" disabled={off} onClick={() => selection.stage(id, !wanted)}>
          {wanted ? "Leave out" : "Use"}
        </button>
        <button
          type="button"
          disabled={off}
          onClick={() => {
            selection.stageOnly([id]);
            close();
          }}
        >
          Only this one
        </button>
      </footer>
    </Dialog>
  );
}

function shownOf(map: OwnMap, classId: number | null): Record<"own" | "mean" | "difference", Shown | null> {
  const { shape, sampling, classes } = map.frame;
  const shown = (layer: Layer | null): Shown | null => layer && { layer, shape, sampling, classes, atoms: null, drawAtoms: false };
  return {
    own: shown(mapLayer(map.own, classId)),
    mean: shown(mapLayer(map.mean, classId)),
    difference: shown(differenceLayer(map.own, map.mean, classId)),
  };
}
