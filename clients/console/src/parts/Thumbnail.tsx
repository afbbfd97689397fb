// A map at its own small size.

import { useEffect, useRef } from "preact/hooks";

import type { Levels } from "../server/live_frame";
import { mapLayer } from "../view/layer";
import { develop } from "../view/paint";

export function Thumbnail({ maps, classId }: { maps: readonly Levels[] | null; classId: number | null }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const layer = maps === null ? null : mapLayer(maps, classId);
    if (layer !== null) develop(canvas.current!, layer);
  }, [maps, classId]);
  return <canvas ref={canvas} class={maps === null ? "blank" : ""} width={64} height={64} aria-hidden="true" />;
}
