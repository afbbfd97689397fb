// Above the pictures: which of them, with what contrast, of which class.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { useConsole } from "../console";
import type { LiveFrame } from "../server/live_frame";
import { classColour } from "../view/colours";
import { FITTED, PLAIN, type Arrangement } from "../view/display";
import { histogram, percentiles } from "../view/layer";

const ARRANGEMENTS: [Arrangement, string][] = [
  ["frame", "Frame"],
  ["two", "+ Mean"],
  ["all", "+ Uncertainty"],
];

export function Tools({ frame }: { frame: LiveFrame | null }) {
  const { display } = useConsole();
  const classes = frame?.classes ?? [];
  const zoom = display.viewport.value.zoom;
  return (
    <div class="tools" role="toolbar" aria-label="Pictures">
      <div class="group" role="group" aria-label="Side by side">
        {ARRANGEMENTS.map(([name, text]) => (
          <button type="button" aria-pressed={display.arrangement.value === name} onClick={() => (display.arrangement.value = name)}>
            {text}
          </button>
        ))}
      </div>
      <button type="button" aria-pressed={display.atoms.value} onClick={() => (display.atoms.value = !display.atoms.value)}>
        Atoms
      </button>
      {classes.map((name, i) => (
        <span class="class" key={name}>
          <i style={{ borderColor: classColour(i) }} aria-hidden="true" />
          {name}
        </span>
      ))}
      {classes.length > 1 && (
        <label>
          Maps of{" "}
          <select
            value={display.classId.value ?? "all"}
            onChange={(event) => (display.classId.value = event.currentTarget.value === "all" ? null : Number(event.currentTarget.value))}
          >
            <option value="all">all classes</option>
            {classes.map((name, i) => (
              <option value={i}>{name}</option>
            ))}
          </select>
        </label>
      )}
      <ContrastTool frame={frame} />
      <button type="button" disabled={zoom === 1} onClick={() => (display.viewport.value = FITTED)}>
        Fit{zoom === 1 ? "" : ` (${zoom.toFixed(1)}×)`}
      </button>
      <button type="button" class="quiet" aria-label="Keys" title="Keys (?)" onClick={() => (display.helping.value = true)}>
        ?
      </button>
    </div>
  );
}

function ContrastTool({ frame }: { frame: LiveFrame | null }) {
  const { display } = useConsole();
  const open = useSignal(false);
  const box = useRef<HTMLDivElement>(null);
  const contrast = display.contrast.value;
  const set = (change: Partial<typeof contrast>): void => {
    display.contrast.value = { ...contrast, ...change };
  };
  useEffect(() => {
    const outside = (event: Event): void => {
      if (!box.current?.contains(event.target as Node)) open.value = false;
    };
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, []);
  const close = (event: KeyboardEvent): void => {
    if (event.key !== "Escape") return;
    open.value = false;
    box.current?.querySelector("button")?.focus();
  };
  return (
    <div class="popover" ref={box} onKeyDown={close}>
      <button type="button" aria-expanded={open.value} aria-pressed={contrast !== PLAIN} onClick={() => (open.value = !open.value)}>
        Contrast
      </button>
      {open.value && (
        <div class="popped contrast" role="group" aria-label="Contrast">
          <Histogram frame={frame} />
          <label>
            Black <output>{contrast.low} %</output>
            <input type="range" min="0.5" max="60" step="0.5" value={contrast.low} onInput={(event) => set({ low: Math.min(contrast.high - 1, event.currentTarget.valueAsNumber) })} />
          </label>
          <label>
            White <output>{contrast.high} %</output>
            <input type="range" min="40" max="99.5" step="0.5" value={contrast.high} onInput={(event) => set({ high: Math.max(contrast.low + 1, event.currentTarget.valueAsNumber) })} />
          </label>
          <label>
            Gamma <output>{contrast.gamma.toFixed(2)}</output>
            <input type="range" min="0.2" max="3" step="0.05" value={contrast.gamma} onInput={(event) => set({ gamma: event.currentTarget.valueAsNumber })} />
          </label>
          <button type="button" onClick={() => (display.contrast.value = PLAIN)}>
            As it was
          </button>
        </div>
      )}
    </div>
  );
}

function Histogram({ frame }: { frame: LiveFrame | null }) {
  const { display } = useConsole();
  const { low, high } = display.contrast.value;
  if (frame?.frame == null) return null;
  const counts = histogram(frame.frame).slice(1, 255);
  const top = Math.max(...counts, 1);
  const line = Array.from(counts, (count, level) => `${level},${60 - 58 * Math.sqrt(count / top)}`).join(" ");
  const [black, white] = percentiles(frame.frame, low, high);
  return (
    <svg class="histogram" viewBox="0 0 254 60" preserveAspectRatio="none" aria-hidden="true">
      <polyline points={`0,60 ${line} 254,60`} />
      <line x1={black} x2={black} y1="0" y2="60" />
      <line x1={white} x2={white} y1="0" y2="60" />
    </svg>
  );
}
