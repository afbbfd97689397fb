// Who holds the stream against programs that would change it, and taking it or giving it back.

import { useSignal } from "@preact/signals";

import { useConsole } from "../console";
import { clock } from "../view/words";

const PERIODS: [string, number | null][] = [
  ["30 min", 30],
  ["2 h", 120],
  ["8 h", 480],
  ["until given back", null],
];

export function HoldBar() {
  const { selection, session } = useConsole();
  const chosen = useSignal(0);
  const hold = selection.now.value?.hold ?? null;
  const off = !session.mayOperate.value || selection.pending.value;
  return (
    <div class="hold" data-testid="hold">
      {hold === null ? (
        <>
          <p>Programs may change this stream.</p>
          <div>
            <select aria-label="For how long" disabled={off} value={chosen.value} onChange={(event) => (chosen.value = Number(event.currentTarget.value))}>
              {PERIODS.map(([text], i) => (
                <option value={i}>{text}</option>
              ))}
            </select>
            <button type="button" disabled={off} onClick={() => void selection.hold(PERIODS[chosen.value]![1], "")}>
              Hold
            </button>
          </div>
        </>
      ) : (
        <>
          <p>
            <b>Held by {hold.holder}</b> {hold.until === null ? "until given back" : `until ${clock(hold.until)}`}
            {hold.reason !== "" && <small>{hold.reason}</small>}
          </p>
          <button type="button" disabled={off} onClick={() => void selection.release()}>
            Give back
          </button>
        </>
      )}
    </div>
  );
}
