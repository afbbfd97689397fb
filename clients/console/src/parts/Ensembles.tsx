// The ensembles that there are, each with its card; those that are ready can be used.

import { useSignal } from "@preact/signals";

import { useConsole } from "../console";
import type { Ensemble } from "../server/documents";
import { NONE, number } from "../view/words";
import { Dialog } from "./Dialog";

const STATES = { on_disk: "not loaded", loading: "loading …", ready: "ready", failed: "failed" };

export function Ensembles() {
  const { ensembles, display } = useConsole();
  const reason = useSignal("");
  const sorted = [...ensembles.all.value].sort((a, b) => Number(b.state === "ready") - Number(a.state === "ready") || a.name.localeCompare(b.name));
  return (
    <Dialog title="Ensembles" class="ensembles" onClose={() => (display.choosing.value = false)}>
      <label class="reason">
        Reason
        <input type="text" maxLength={500} value={reason.value} onInput={(event) => (reason.value = event.currentTarget.value)} />
      </label>
      {ensembles.trouble.value !== "" && (
        <p class="trouble" role="alert">
          {ensembles.trouble.value}
        </p>
      )}
      <ul>
        {sorted.map((ensemble) => (
          <EnsembleCard key={ensemble.name} ensemble={ensemble} reason={() => reason.value.trim()} />
        ))}
      </ul>
    </Dialog>
  );
}

function EnsembleCard({ ensemble, reason }: { ensemble: Ensemble; reason: () => string }) {
  const { selection, display, session, live, ensembles } = useConsole();
  const used = selection.now.value?.ensemble === ensemble.name;
  const sampling = live.newest.value?.sampling?.[1] ?? null;
  const range = ensemble.sampling_range;
  const fits = sampling === null || range === null || (sampling >= range[0] && sampling <= range[1]);
  const use = async (): Promise<void> => {
    await selection.use(ensemble.name, reason());
    if (selection.outcome.value?.phase === "done") display.choosing.value = false;
  };
  return (
    <li class={`ensemble-card ${ensemble.state}`} data-testid={`ensemble-${ensemble.name}`}>
      <header>
        <h3>{ensemble.name}</h3>
        <small>
          {ensemble.version === null ? "" : `version ${ensemble.version} · `}
          {STATES[ensemble.state]}
        </small>
        {session.mayAdminister.value && (ensemble.state === "on_disk" || ensemble.state === "failed") ? (
          <button type="button" onClick={() => void ensembles.load(ensemble.name, reason())}>
            Load
          </button>
        ) : (
          <button type="button" class="primary" disabled={used || ensemble.state !== "ready" || !session.mayOperate.value || selection.pending.value} onClick={() => void use()}>
            {used ? "In use" : "Use"}
          </button>
        )}
      </header>
      {ensemble.why !== null && <p class="why">{ensemble.why}</p>}
      <dl>
        <Fact name="Classes" text={ensemble.classes.join(", ") || NONE} />
        <Fact name="Networks" text={String(ensemble.members.length || NONE)} />
        <Fact name="Trained at" text={ensemble.sampling === null ? NONE : `${number(ensemble.sampling, 3)} Å/px`} />
        <Fact
          name="Sampling"
          text={range === null ? NONE : `${number(range[0], 3)}–${number(range[1], 3)} Å/px`}
          warn={fits ? undefined : `this stream has ${number(sampling, 3)}: frames are resampled`}
        />
        <Fact name="IoU on its test set" text={iou(ensemble)} />
        <Fact name="Trained on" text={ensemble.trained_on ?? NONE} />
        <Fact name="Spread" text={ensemble.calibrated === null ? NONE : ensemble.calibrated ? "calibrated" : "not calibrated"} />
        <Fact name="Computed in" text={ensemble.precision ?? NONE} />
      </dl>
    </li>
  );
}

function Fact({ name, text, warn }: { name: string; text: string; warn?: string | undefined }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {text}
        {warn !== undefined && <em>{warn}</em>}
      </dd>
    </div>
  );
}

function iou(ensemble: Ensemble): string {
  const values = ensemble.members.map((member) => member.metrics.iou).filter((value) => value !== undefined);
  if (values.length === 0) return NONE;
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return least === most ? number(least) : `${number(least)}–${number(most)}`;
}
