// Who holds the stream against programs that would change it, and taking it or giving it back.

import { useConsole } from "../console";
import { clock } from "../view/words";

const MINUTES = 30;

export function HoldBar() {
  const { selection, session } = useConsole();
  const hold = selection.now.value?.hold ?? null;
  const off = !session.mayOperate.value || selection.pending.value;
  return (
    <div class="hold" data-testid="hold">
      {hold === null ? (
        <>
          <p>Programs may change this stream.</p>
          <button type="button" disabled={off} onClick={() => void selection.hold(MINUTES, "")}>
            Hold {MINUTES} min
          </button>
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
