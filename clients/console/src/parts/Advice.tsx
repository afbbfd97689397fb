// What the drift monitor would do, why, and the button that does it.

import { useConsole } from "../console";
import { ranges } from "../model/selection";
import type { Recommendation } from "../server/documents";
import { percent } from "../view/words";

export function Advice() {
  const { drift, selection, session } = useConsole();
  const advice = drift.advice.value;
  if (advice === null) return null;
  const accept = acceptable(advice);
  const off = !session.mayOperate.value || selection.pending.value || advice.stale !== null;
  const reason = `recommended: ${advice.reasons[0] ?? ""}`.slice(0, 500);
  return (
    <div class={`advice ${advice.kind}`} data-testid="advice">
      <p>
        <b>{headline(advice)}</b>
        {advice.confidence !== null && advice.kind !== "no_change" && <small>{percent(advice.confidence)} sure</small>}
      </p>
      <ul>
        {advice.reasons.map((text) => (
          <li key={text}>{text}</li>
        ))}
      </ul>
      {advice.stale !== null && <p class="warning">{advice.stale}</p>}
      {accept !== null && (
        <button type="button" class="primary" disabled={off} onClick={() => void selection.use(accept.ensemble, reason, accept.members)}>
          Accept
        </button>
      )}
    </div>
  );
}

function headline(advice: Recommendation): string {
  switch (advice.kind) {
    case "members":
      return `Use networks ${ranges(advice.members ?? [])}`;
    case "ensemble":
      return `Change to ${advice.use}`;
    case "retrain":
      return "No selection does well: train on these frames";
    default:
      return "Leave it as it is";
  }
}

function acceptable(advice: Recommendation): { ensemble: string; members?: number[] } | null {
  if (advice.kind === "members" && advice.members !== null) return { ensemble: advice.ensemble, members: advice.members };
  return advice.kind === "ensemble" && advice.use !== null ? { ensemble: advice.use } : null;
}
