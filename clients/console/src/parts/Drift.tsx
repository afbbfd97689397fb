// Whether the stream drifts from what is usual in it, what to do about that, and how the last frames went.

import { useMemo } from "preact/hooks";

import { useConsole } from "../console";
import type { Point } from "../model/series";
import type { Mode } from "../server/documents";
import { number } from "../view/words";
import { Advice } from "./Advice";
import { TimeLine, type Mark } from "./TimeLine";

const LINES: { title: string; colour: string; digits: number; of: (point: Point) => number | null }[] = [
  { title: "Support: share of networks that see an atom", colour: "#5fd38d", digits: 2, of: (point) => point.support },
  { title: "Uncertainty: spread of the networks on atoms", colour: "#ffb000", digits: 3, of: (point) => point.uncertainty },
  { title: "Atoms", colour: "#4cc2ff", digits: 0, of: (point) => point.atoms },
  { title: "Latency, ms", colour: "#c9a6ff", digits: 0, of: (point) => point.latencyMs },
];
const MODES: [Mode, string, string][] = [
  ["off", "Off", "says nothing"],
  ["advise", "Advise", "tells what it would do"],
  ["act", "Act", "does it, unless the stream is held"],
];
/** Alarms that are shown at once; the others where somebody asks. */
const FIRST = 4;
const CHANGE = "#8b98a8";
const ALARM = "#ff8078";

export function Drift() {
  return (
    <div class="drift">
      <State />
      <Advice />
      <AutopilotMode />
      <Lines />
      <Signals />
    </div>
  );
}

function State() {
  const { drift } = useConsole();
  const now = drift.now.value;
  if (now === null) return <p class="empty">{drift.trouble.value || "Nothing has been looked at yet."}</p>;
  const alarmed = now.alarms.length > 0;
  const words = { learning: "learning what is usual", watching: alarmed ? "out of order" : "as usual", stale: "old" }[now.state];
  return (
    <div class={`drift-state ${now.stale !== null ? "old" : alarmed ? "alarmed" : now.state}`} data-testid="drift-state">
      <p aria-live="polite">
        <b>{words}</b>
        <span>
          score <b>{number(now.score)}</b> of 1
        </span>
      </p>
      {now.stale !== null && <p>{now.stale}</p>}
      {alarmed && (
        <ul data-testid="alarms">
          {now.alarms.slice(0, FIRST).map((alarm) => (
            <li key={`${alarm.signal} ${alarm.member}`}>{alarm.text}</li>
          ))}
        </ul>
      )}
      {now.alarms.length > FIRST && (
        <details>
          <summary>{now.alarms.length - FIRST} more</summary>
          <ul>
            {now.alarms.slice(FIRST).map((alarm) => (
              <li key={`${alarm.signal} ${alarm.member}`}>{alarm.text}</li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}

function AutopilotMode() {
  const { drift, session } = useConsole();
  const mode = drift.autopilot.value?.mode ?? null;
  const doing = drift.advice.value?.autopilot;
  if (mode === null) return null;
  return (
    <div class="autopilot" data-testid="autopilot">
      <div class="group" role="group" aria-label="Autopilot">
        <span>Autopilot</span>
        {MODES.map(([name, text, title]) => (
          <button type="button" key={name} title={title} aria-pressed={mode === name} disabled={!session.mayOperate.value} onClick={() => void drift.setMode(name)}>
            {text}
          </button>
        ))}
      </div>
      {doing !== undefined && doing.mode === mode && <small>{doing.why}</small>}
      {drift.refusal.value !== "" && (
        <p class="trouble" role="alert">
          {drift.refusal.value}
        </p>
      )}
    </div>
  );
}

function Lines() {
  const { series, history, drift } = useConsole();
  const points = series.points.value;
  const looks = drift.points.value;
  const entries = history.entries.value;
  const alarms = drift.seen.value;
  const times = useMemo(() => points.map((point) => point.at), [points]);
  const lookedAt = useMemo(() => looks.map((look) => look.at), [looks]);
  const span = useMemo((): [number, number] => {
    const [first, last] = [times[0] ?? Date.now() / 1000, times.at(-1) ?? Date.now() / 1000];
    return [first, Math.max(last, first + 1)];
  }, [times]);
  const marks = useMemo((): Mark[] => {
    const changes = entries.filter((entry) => entry.outcome === "applied" && entry.after !== null);
    return [...changes.map((entry) => ({ at: entry.at, colour: CHANGE })), ...alarms.map((alarm) => ({ at: alarm.at, colour: ALARM }))];
  }, [entries, alarms]);
  return (
    <>
      <p class="legend">
        <i style={{ borderColor: CHANGE }} /> networks changed <i style={{ borderColor: ALARM }} /> alarm
      </p>
      {looks.length > 0 && (
        <TimeLine title="Drift score: 1 is an alarm" colour="#ff9d6b" digits={2} span={span} times={lookedAt} values={looks.map((look) => look.score)} marks={marks} limit={1} together="drift" />
      )}
      {LINES.map(({ title, colour, digits, of }) => (
        <TimeLine key={title} title={title} colour={colour} digits={digits} span={span} times={times} values={points.map(of)} marks={marks} together="drift" />
      ))}
    </>
  );
}

/** Every signal with how near it is to an alarm, the nearest first. */
function Signals() {
  const now = useConsole().drift.now.value;
  if (now === null) return null;
  const sorted = Object.entries(now.scores).sort(([, a], [, b]) => (b ?? 0) - (a ?? 0));
  return (
    <table class="signals">
      <caption>Signals, and how near they are to an alarm</caption>
      <tbody>
        {sorted.map(([name, score]) => (
          <tr key={name} class={(score ?? 0) >= 1 ? "alarmed" : ""}>
            <th scope="row">{name.replaceAll("_", " ")}</th>
            <td>{now.signals[name] == null ? "" : number(now.signals[name], 3)}</td>
            <td>
              <meter min={0} max={1} value={Math.min(1, score ?? 0)} aria-label={`${name}: ${number(score)} of 1`} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
