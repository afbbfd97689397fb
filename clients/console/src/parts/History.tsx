// Who changed what, when and why, with the first frame that it held for; and what held for any frame.

import { useSignal } from "@preact/signals";

import { useConsole } from "../console";
import { ranges } from "../model/selection";
import type { AuditRecord } from "../server/documents";
import { dated } from "../view/words";

const ACTIONS: Record<string, string> = {
  use: "used",
  only: "used only",
  deselect: "left out",
  select: "took in",
  change: "changed",
  undo: "undid",
  hold: "held the stream for",
  release: "gave the stream back",
  autopilot: "set the autopilot to",
};

export function History() {
  const { history, display, stream } = useConsole();
  const words = useSignal("");
  const needle = words.value.trim().toLowerCase();
  const entries = history.entries.value.filter((entry) => needle === "" || textOf(entry).toLowerCase().includes(needle));
  return (
    <div class="history">
      <div class="filters">
        <label>
          <span class="hidden">Filter</span>
          <input type="search" placeholder="Filter: name, action, reason …" value={words.value} onInput={(event) => (words.value = event.currentTarget.value)} />
        </label>
        <label>
          <input
            type="checkbox"
            checked={display.everyStream.value}
            onChange={(event) => {
              display.everyStream.value = event.currentTarget.checked;
              void history.watch(display.everyStream.value ? null : stream.value);
            }}
          />
          every stream
        </label>
      </div>
      {!display.everyStream.value && <HeldFor />}
      {history.trouble.value !== "" && <p class="trouble">{history.trouble.value}</p>}
      <ol data-testid="history" aria-label="Changes, the newest first">
        {entries.map((entry) => (
          <Entry key={entry.id} entry={entry} everyStream={display.everyStream.value} />
        ))}
        {entries.length === 0 && <li class="empty">{needle === "" ? "Nothing has been changed yet." : "Nothing like that was read."}</li>}
        {history.next.value !== null && (
          <li>
            <button type="button" onClick={() => void history.more()}>
              Earlier ones
            </button>
          </li>
        )}
      </ol>
    </div>
  );
}

function Entry({ entry, everyStream }: { entry: AuditRecord; everyStream: boolean }) {
  return (
    <li class={entry.outcome}>
      <time dateTime={new Date(1000 * entry.at).toISOString()}>{dated(entry.at)}</time>
      <p>
        <b>{entry.author}</b> {told(entry)}
        {everyStream && entry.stream !== null && <span> on {entry.stream}</span>}
        {entry.reason !== "" && <q>{entry.reason}</q>}
      </p>
      <small>{consequence(entry)}</small>
    </li>
  );
}

function HeldFor() {
  const { history } = useConsole();
  const asked = useSignal("");
  const frame = Number.parseInt(asked.value, 10);
  const found = Number.isNaN(frame) ? null : history.heldFor(frame);
  return (
    <p class="held-for">
      <label>
        What held for frame{" "}
        <input type="text" inputMode="numeric" size={7} value={asked.value} onInput={(event) => (asked.value = event.currentTarget.value)} />
      </label>
      {!Number.isNaN(frame) && (
        <output>
          {found?.after
            ? `${found.after.ensemble}, networks ${ranges(found.after.members)} (revision ${found.revision}, by ${found.author})`
            : "what the stream started with, or nothing that was read here"}
        </output>
      )}
    </p>
  );
}

function told(entry: AuditRecord): string {
  const verb = ACTIONS[entry.action] ?? entry.action;
  const after = entry.after;
  const before = entry.before;
  if (entry.action === "hold" && !entry.value) return "held the stream";
  if (after === null) return `${verb} ${entry.value ?? entry.subject ?? ""}`.trim();
  if (entry.action === "use" || before === null || before.ensemble !== after.ensemble) return `${verb} ${after.ensemble} (${ranges(after.members)})`;
  const out = before.members.filter((id) => !after.members.includes(id));
  const taken = after.members.filter((id) => !before.members.includes(id));
  if (entry.action === "deselect" || entry.action === "select") return `${verb} ${ranges([...out, ...taken]) || "nothing new"}`;
  const parts = [out.length > 0 ? `−${ranges(out)}` : "", taken.length > 0 ? `+${ranges(taken)}` : ""].filter((part) => part !== "");
  return `${verb} ${parts.join(" ") || "nothing"}`;
}

function consequence(entry: AuditRecord): string {
  if (entry.outcome === "refused") return `refused: ${entry.detail || entry.code}`;
  if (entry.after === null) return "";
  const since = entry.first_frame_id === null ? "no frame yet" : `from frame ${entry.first_frame_id} on`;
  return `${ranges(entry.after.members)} in use, revision ${entry.revision}, ${since}`;
}

function textOf(entry: AuditRecord): string {
  return [entry.author, entry.action, told(entry), entry.reason, entry.stream, entry.subject, entry.outcome].join(" ");
}
