// Which stream, how it is, how fast; and who is at the console.

import { useSignal } from "@preact/signals";

import { useConsole } from "../console";
import { NAME_PATTERN } from "../model/session";
import { milliseconds, number } from "../view/words";
import { Badge } from "./Freshness";

export function Header() {
  const console = useConsole();
  const { status, stream } = console;
  const known = status.reachable.value && !status.engineSilent.value;
  const now = known ? status.named(stream.value) : null;
  const names = stream.value === null || status.names.value.includes(stream.value) ? status.names.value : [stream.value, ...status.names.value];
  return (
    <header class="top">
      <h1>elitscope</h1>
      <label>
        <span class="hidden">Stream</span>
        <select value={stream.value ?? ""} disabled={names.length === 0} onChange={(event) => console.choose(event.currentTarget.value)}>
          {names.length === 0 && <option value="">no stream</option>}
          {names.map((name) => (
            <option value={name}>{name}</option>
          ))}
        </select>
      </label>
      <Badge />
      <dl>
        <div>
          <dt>rate</dt>
          <dd>{now === null ? "–" : `${number(now.rate_hz, 1)} /s`}</dd>
        </div>
        <div>
          <dt>median</dt>
          <dd>{milliseconds(now?.total.p50_ms)}</dd>
        </div>
        <div>
          <dt>99 %</dt>
          <dd>{milliseconds(now?.total.p99_ms)}</dd>
        </div>
        <div>
          <dt>queue</dt>
          <dd>{now?.queue_depth ?? "–"}</dd>
        </div>
      </dl>
      <Trouble />
      <Who />
    </header>
  );
}

/** What is wrong with the server, where something is. */
function Trouble() {
  const { status } = useConsole();
  const readiness = status.readiness.value;
  if (!status.reachable.value || readiness === null || readiness.ready) return null;
  return (
    <p class="trouble" role="alert" title={readiness.missing}>
      {readiness.missing}
    </p>
  );
}

function Who() {
  const { session } = useConsole();
  const renaming = useSignal(false);
  const caller = session.caller.value;
  if (caller === null) return <div class="who" />;
  const may = session.mayOperate.value ? "" : caller.role === "controller" ? "a program’s key: may look" : "may look";
  if (caller.keys) {
    return (
      <div class="who" data-testid="who">
        <span>
          <b>{caller.name}</b> <small>{may}</small>
        </span>
        <button type="button" onClick={() => void session.signOut()}>
          Sign out
        </button>
      </div>
    );
  }
  const rename = (event: Event): void => {
    event.preventDefault();
    const name = new FormData(event.currentTarget as HTMLFormElement).get("name") as string;
    renaming.value = false;
    void session.rename(name.trim());
  };
  if (renaming.value) {
    return (
      <form class="who" onSubmit={rename} onKeyDown={(event) => event.key === "Escape" && (renaming.value = false)}>
        <label>
          <span class="hidden">Your name</span>
          <input name="name" required autofocus size={14} maxLength={64} pattern={NAME_PATTERN} value={session.name.value} title="Letters, digits and . _ @ + - and blanks" />
        </label>
        <button type="submit">Set</button>
      </form>
    );
  }
  return (
    <div class="who" data-testid="who">
      <button type="button" title="Your name, as it stands in the history" onClick={() => (renaming.value = true)}>
        {caller.name}
      </button>
    </div>
  );
}
