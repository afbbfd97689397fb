// Whether what is shown is what is happening: said over the pictures as soon as it is not.

import { useConsole } from "../console";
import type { Freshness as State } from "../model/live";
import { duration } from "../view/words";

const BADGES: Record<State, string> = {
  live: "Live",
  frozen: "Frozen",
  idle: "No frames",
  silent: "Engine silent",
  disconnected: "Disconnected",
  waiting: "Waiting",
};

/** In the header: one word, and a colour that does not have to be seen. */
export function Badge() {
  const state = useConsole().live.freshness.value;
  return (
    <span class={`badge ${state}`} role="status" data-testid="freshness">
      <i aria-hidden="true" />
      {BADGES[state]}
    </span>
  );
}

/** Over the pictures, where they are old. */
export function Freshness() {
  const { live, stream } = useConsole();
  const state = live.freshness.value;
  if (state === "live" || state === "frozen") return null;
  const old = live.newest.value === null ? "" : ` What you see is ${duration(live.ageMs.value / 1000)} old.`;
  return (
    <div class={`over ${state}`} role="alert">
      <strong>{BADGES[state]}</strong>
      <span>{explained(state, stream.value)}</span>
      {old !== "" && <span>{old}</span>}
    </div>
  );
}

function explained(state: State, stream: string | null): string {
  switch (state) {
    case "disconnected":
      return "The connection to the server is lost. Trying again …";
    case "silent":
      return "The engine says nothing: it is being started again if it has ended.";
    case "idle":
      return `No new frames come in on stream ${stream ?? ""}.`;
    default:
      return stream === null ? "No stream yet: one appears with its first frame." : `Waiting for the first frame of stream ${stream} …`;
  }
}
