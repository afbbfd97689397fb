// Below the pictures: which frame it is, who analysed it; stop here, and step back through the last ones.

import { useConsole } from "../console";
import { ranges } from "../model/selection";
import type { LiveFrame } from "../server/live_frame";
import { milliseconds } from "../view/words";
import { countsOf } from "./LiveView";

export function Steps({ frame }: { frame: LiveFrame | null }) {
  const { live, selection } = useConsole();
  const frozen = live.held.value !== null;
  const last = live.frames.value.length - 1;
  const position = live.position.value;
  const inForce = selection.now.value?.revision;
  return (
    <div class="steps" role="group" aria-label="Frames">
      <button type="button" class="freeze" aria-pressed={frozen} disabled={frame === null} onClick={() => (frozen ? live.goOn() : live.freeze())}>
        {frozen ? "▶ Go live" : "❚❚ Freeze"}
      </button>
      <button type="button" aria-label="One frame back" disabled={position <= 0} onClick={() => live.step(-1)}>
        ◀
      </button>
      <input
        type="range"
        aria-label="Frames kept"
        data-came={live.came.value}
        aria-valuetext={frame === null ? "none" : `frame ${frame.frameId}`}
        min={0}
        max={Math.max(0, last)}
        value={Math.max(0, position)}
        disabled={last < 1}
        onInput={(event) => live.step(event.currentTarget.valueAsNumber - live.position.peek())}
      />
      <button type="button" aria-label="One frame on" disabled={position < 0 || position >= last} onClick={() => live.step(1)}>
        ▶
      </button>
      {frame !== null && (
        <p class="about">
          <b>frame {frame.frameId}</b>
          <span>{countsOf(frame)}</span>
          <span data-testid="frame-members">
            networks {ranges(frame.members)} of {frame.ensemble}
          </span>
          <span class={inForce !== undefined && inForce !== frame.revision ? "older" : ""}>
            revision {frame.revision}
            {inForce !== undefined && inForce > frame.revision ? ` (${inForce} is in force)` : ""}
          </span>
          <span>{milliseconds(frame.timing.total_ms)}</span>
          {frame.warnings.map((warning) => (
            <span class="warning" title={warning}>
              {warning.split(":")[0]!.replaceAll("_", " ")}
            </span>
          ))}
        </p>
      )}
    </div>
  );
}
