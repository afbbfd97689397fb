// Every network's own map with its figures and a switch; what is switched is applied together, with a reason.

import { useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { useConsole } from "../console";
import { ranges } from "../model/selection";
import type { LiveMember } from "../server/documents";
import { number, percent } from "../view/words";
import { Advice } from "./Advice";
import { HoldBar } from "./HoldBar";
import { Thumbnail } from "./Thumbnail";

const REASONS = ["fog", "disagrees with the others", "false atoms", "misses atoms", "comparison"];

export function Networks() {
  const { networks, selection, ensembles, display, session, drift, live } = useConsole();
  const inForce = useRef<HTMLParagraphElement>(null);
  useEffect(() => {
    networks.look(true);
    return () => networks.look(false);
  }, [networks]);
  const now = selection.now.value;
  if (now === null) return <p class="empty">No selection yet: a stream has one from its first frame on.</p>;
  const figures = networks.figures.value;
  const known = new Map((figures?.ensemble === now.ensemble ? figures.members : []).map((member) => [member.id, member]));
  const active = now.members.filter((member) => member.active).length;
  const ensemble = ensembles.named(now.ensemble);
  return (
    <div class="networks" data-fresh={live.freshness.value}>
      <div class="ensemble">
        <div>
          <b data-testid="ensemble">{now.ensemble}</b> <small>{ensemble?.classes.join(", ")}</small>
          <small>
            {active} of {now.members.length} networks in use
          </small>
        </div>
        <button type="button" onClick={() => (display.choosing.value = true)}>
          {session.mayOperate.value ? "Change …" : "Look …"}
        </button>
      </div>
      <InForce text={inForce} />
      {(drift.advice.value?.kind ?? "no_change") !== "no_change" && <Advice />}
      <ul class="cards">
        {now.members.map(({ id }) => (
          <Card key={`${now.ensemble} ${id}`} id={id} member={known.get(id) ?? null} />
        ))}
      </ul>
      <Apply inForce={inForce} />
      <HoldBar />
    </div>
  );
}

/** What is in force, since which frame, and what became of the last command. */
function InForce({ text }: { text: RefObject<HTMLParagraphElement | null> }) {
  const { selection, session } = useConsole();
  const now = selection.now.value!;
  const outcome = selection.outcome.value;
  const began = now.first_frame_id === null ? "from the next frame on" : `since frame ${now.first_frame_id}`;
  return (
    <div class="in-force">
      <p data-testid="in-force" aria-live="polite" tabIndex={-1} ref={text}>
        <b>Revision {now.revision}</b> in force {began}
        <small>
          by {now.author}
          {now.reason === "" ? "" : `: ${now.reason}`}
        </small>
      </p>
      <button type="button" disabled={!session.mayOperate.value || selection.pending.value} onClick={() => void selection.undo()}>
        Undo
      </button>
      {outcome !== null && (
        <p class={`outcome ${outcome.phase}`} role={outcome.phase === "failed" ? "alert" : "status"} data-testid="outcome">
          {outcome.text}
        </p>
      )}
    </div>
  );
}

function Card({ id, member }: { id: number; member: LiveMember | null }) {
  const { networks, selection, session, display } = useConsole();
  const map = networks.maps.value.get(id) ?? null;
  const active = selection.isActive(id);
  const wanted = selection.wanted(id);
  const trusted = selection.now.value!.preference.indexOf(id) + 1;
  const state = wanted !== active ? (selection.pending.value ? "pending" : "staged") : active ? "active" : "inactive";
  const figures = member?.figures ?? null;
  const alarms = member?.alarms ?? [];
  const poor = alarms.length > 0 || (figures !== null && ((figures.fog ?? 0) > 0.4 || (figures.atom_agreement ?? 1) < 0.5));
  return (
    <li class={`card ${state}`} data-testid={`network-${id}`} data-state={state}>
      <div class="map">
        <button type="button" aria-label={`Enlarge network ${id}`} onClick={() => (display.compared.value = id)}>
          <Thumbnail maps={map?.own ?? null} classId={display.classId.value} />
          <b>{id}</b>
        </button>
        {state !== "active" && <em>{{ inactive: "out of use", staged: wanted ? "to be used" : "to be left out", pending: "pending …" }[state]}</em>}
      </div>
      <button
        type="button"
        role="switch"
        class="switch"
        aria-checked={wanted}
        aria-label={`Network ${id} in use`}
        disabled={!session.mayOperate.value || selection.pending.value}
        onClick={() => selection.stage(id, !wanted)}
      >
        <i aria-hidden="true" />
      </button>
      {alarms.length > 0 && (
        <p class="alarm" title={alarms.join("\n")}>
          {alarms[0]}
        </p>
      )}
      <dl class={poor ? "poor" : ""}>
        <div title="Fraction of the ensemble's atoms that it sees by itself">
          <dt>agrees</dt>
          <dd>{percent(figures?.atom_agreement)}</dd>
        </div>
        <div title="Share of its probability that lies outside what it sees as atoms: above 0.4 it is guessing">
          <dt>fog</dt>
          <dd>{number(figures?.fog)}</dd>
        </div>
        <div title="Connected regions that it sees by itself">
          <dt>sees</dt>
          <dd>{figures?.detections ?? "–"}</dd>
        </div>
        <div title="Place in the order of trust">
          <dt>trust</dt>
          <dd>#{trusted}</dd>
        </div>
      </dl>
    </li>
  );
}

/** What is staged, why, and the button that asks for it. */
function Apply({ inForce }: { inForce: RefObject<HTMLElement | null> }) {
  const { selection } = useConsole();
  const reason = useSignal("");
  const { select, deselect } = selection.change.value;
  if (select.length === 0 && deselect.length === 0) return null;
  const left = selection.now.value!.members.filter(({ id }) => selection.wanted(id)).length;
  const few = left < selection.now.value!.min_members;
  const apply = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (few) return;
    await selection.apply(reason.value.trim());
    if (selection.outcome.value?.phase !== "done") return;
    reason.value = "";
    inForce.current?.focus(); // the form has gone, and a button would be pressed by the next blank
  };
  return (
    <form class="apply" onSubmit={apply} onKeyDown={(event) => event.key === "Escape" && selection.unstage()}>
      <p>
        {deselect.length > 0 && (
          <span>
            leave out <b>{ranges(deselect)}</b>
          </span>
        )}
        {select.length > 0 && (
          <span>
            use <b>{ranges(select)}</b>
          </span>
        )}
        <small>{few ? `at least ${selection.now.value!.min_members} must stay in use` : `${left} in use then`}</small>
      </p>
      <label>
        <span class="hidden">Reason</span>
        <input
          type="text"
          list="reasons"
          maxLength={500}
          placeholder="Reason"
          value={reason.value}
          onInput={(event) => (reason.value = event.currentTarget.value)}
        />
        <datalist id="reasons">
          {REASONS.map((text) => (
            <option value={text} />
          ))}
        </datalist>
      </label>
      <button type="submit" class="primary" disabled={few || selection.pending.value}>
        Apply
      </button>
      <button type="button" disabled={selection.pending.value} onClick={() => selection.unstage()}>
        Cancel
      </button>
    </form>
  );
}
