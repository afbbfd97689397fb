// How fast frames are answered and where their time goes; whether engine and store are well; what was lost.

import { useConsole } from "../console";
import { clock, milliseconds, NONE, number } from "../view/words";

const STAGES: [string, string][] = [
  ["queue", "waiting"],
  ["preprocess", "preparing"],
  ["inference", "networks"],
  ["atoms", "atoms"],
];

export function Health() {
  const { status, stream, listening, live, happenings, told } = useConsole();
  const readiness = status.readiness.value;
  const now = status.named(stream.value);
  const lost = Object.entries(now?.outcomes ?? {}).filter(([outcome]) => outcome !== "result");
  return (
    <div class="health">
      <dl class="states">
        <State name="Server" well={status.reachable.value} text={status.reachable.value ? "answers" : "does not answer"} />
        <State name="Engine" well={!status.engineSilent.value} text={status.engineSilent.value ? "silent" : "running"} />
        <State
          name="Ready"
          well={readiness?.ready ?? null}
          text={readiness === null ? NONE : readiness.ready ? "store answers, ensemble ready" : readiness.missing}
        />
        <State name="Live frames" well={live.open.value} text={live.open.value ? "connected" : "not connected"} />
        <State name="Events" well={listening.value} text={listening.value ? `${told.value} so far` : "not connected"} />
        <State
          name="Dropped"
          well={status.dropped.value === null ? null : status.dropped.value === 0}
          text={status.dropped.value === null ? NONE : `${status.dropped.value} publications that slow listeners missed`}
        />
      </dl>
      <h3>Stream {stream.value ?? NONE}</h3>
      <dl class="figures">
        <Figure name="rate" text={now === null ? NONE : `${number(now.rate_hz, 1)} /s`} />
        <Figure name="waiting" text={now === null ? NONE : String(now.queue_depth)} />
        <Figure name="answered" text={String(now?.outcomes.result ?? NONE)} />
        {lost.map(([outcome, count]) => (
          <Figure name={outcome} text={String(count)} />
        ))}
      </dl>
      <table>
        <caption>Latency of the last frames</caption>
        <thead>
          <tr>
            <th scope="col">stage</th>
            <th scope="col">median</th>
            <th scope="col">90 %</th>
            <th scope="col">99 %</th>
          </tr>
        </thead>
        <tbody>
          {STAGES.map(([stage, text]) => (
            <Row name={text} histogram={now?.stages[stage]} />
          ))}
          <Row name="in all" histogram={now?.total} />
        </tbody>
      </table>
      <h3>Last events</h3>
      <ol class="events" aria-label="Last events, the newest first">
        {happenings.value
          .slice(-12)
          .reverse()
          .map(({ at, event }) => (
            <li>
              <time>{clock(at)}</time> {event.event.replaceAll("_", " ")} {event.stream ?? event.name ?? ""}
              {typeof event.what === "string" ? ` ${event.what}` : ""}
              {event.revision === undefined ? "" : ` revision ${event.revision}`}
              {event.frame_id === undefined ? "" : ` frame ${event.frame_id}`}
              {event.state === undefined ? "" : ` ${event.state}`}
            </li>
          ))}
      </ol>
    </div>
  );
}

function State({ name, well, text }: { name: string; well: boolean | null; text: string }) {
  return (
    <div class={well === null ? "" : well ? "well" : "ill"}>
      <dt>{name}</dt>
      <dd>
        <i aria-hidden="true" />
        {text}
      </dd>
    </div>
  );
}

function Figure({ name, text }: { name: string; text: string }) {
  return (
    <div>
      <dt>{name.replaceAll("_", " ")}</dt>
      <dd>{text}</dd>
    </div>
  );
}

function Row({ name, histogram }: { name: string; histogram: { p50_ms: number | null; p90_ms: number | null; p99_ms: number | null } | undefined }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>{milliseconds(histogram?.p50_ms)}</td>
      <td>{milliseconds(histogram?.p90_ms)}</td>
      <td>{milliseconds(histogram?.p99_ms)}</td>
    </tr>
  );
}
