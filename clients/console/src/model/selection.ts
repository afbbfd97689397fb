// Which networks count, and changing that: staged here, pending while the server carries it out, then in force from some frame on.

import { batch, computed, signal } from "@preact/signals";

import type { Selection } from "../server/documents";
import { Problem, words, type Rest } from "../server/rest";
import { Repeat } from "./repeat";

const EVERY_MS = 5000;

/** What became of the last command. */
export interface Outcome {
  phase: "pending" | "done" | "failed";
  text: string;
}

export class SelectionModel {
  readonly now = signal<Selection | null>(null);
  /** Networks that are to be switched, not yet asked for: id and whether it is to be active. */
  readonly staged = signal<ReadonlyMap<number, boolean>>(new Map());
  readonly outcome = signal<Outcome | null>(null);
  readonly pending = computed(() => this.outcome.value?.phase === "pending");
  readonly repeat: Repeat;
  private stream: string | null = null;

  constructor(private readonly rest: Rest) {
    this.repeat = new Repeat(() => this.read(), EVERY_MS);
  }

  watch(stream: string | null): void {
    this.stream = stream;
    batch(() => {
      this.now.value = null;
      this.staged.value = new Map();
      this.outcome.value = null;
    });
    if (stream !== null) void this.repeat.now();
  }

  /** What is to be switched on and off. */
  readonly change = computed(() => {
    const ids = (active: boolean): number[] =>
      [...this.staged.value].filter(([, wanted]) => wanted === active).map(([id]) => id).sort((a, b) => a - b);
    return { select: ids(true), deselect: ids(false) };
  });

  /** Whether the network would be active once what is staged is in force. */
  wanted(id: number): boolean {
    return this.staged.value.get(id) ?? this.isActive(id);
  }

  isActive(id: number): boolean {
    return this.now.value?.members.some((member) => member.id === id && member.active) ?? false;
  }

  stage(id: number, active: boolean): void {
    const staged = new Map(this.staged.value);
    if (active === this.isActive(id)) staged.delete(id);
    else staged.set(id, active);
    this.staged.value = staged;
  }

  /** Leave these alone active. */
  stageOnly(ids: readonly number[]): void {
    for (const { id } of this.now.value?.members ?? []) this.stage(id, ids.includes(id));
  }

  unstage(): void {
    this.staged.value = new Map();
  }

  apply(reason: string): Promise<void> {
    const { select, deselect } = this.change.value;
    return this.command(describe(select, deselect), "PATCH", "selection", { select, deselect, reason }, true);
  }

  use(ensemble: string, reason: string, members?: readonly number[]): Promise<void> {
    const body = members === undefined ? { ensemble, reason } : { ensemble, members, reason };
    return this.command(`using ${ensemble}`, "PUT", "selection", body, true);
  }

  undo(): Promise<void> {
    return this.command("undoing", "POST", "selection/undo", {}, true);
  }

  hold(minutes: number | null, reason: string): Promise<void> {
    return this.command("taking the stream", "PUT", "hold", minutes === null ? { reason } : { minutes, reason });
  }

  release(): Promise<void> {
    return this.command("giving the stream back", "DELETE", "hold");
  }

  private async command(text: string, method: string, path: string, body?: unknown, guarded = false): Promise<void> {
    const stream = this.stream;
    if (stream === null || this.pending.value) return;
    const before = this.now.value;
    this.outcome.value = { phase: "pending", text: `${text} …` };
    try {
      const options = {
        ...(body === undefined ? {} : { body }),
        ...(guarded && before !== null ? { ifMatch: before.revision } : {}),
      };
      const now = await this.rest.json<Selection>(method, `/v1/streams/${encodeURIComponent(stream)}/${path}`, options);
      if (stream !== this.stream) return;
      batch(() => {
        this.now.value = now;
        this.staged.value = new Map();
        this.outcome.value = { phase: "done", text: `${text}: done` };
      });
    } catch (error) {
      await this.read();
      if (stream === this.stream) this.outcome.value = { phase: "failed", text: this.refusal(error) };
    }
  }

  private refusal(error: unknown): string {
    if (error instanceof Problem && error.code === "revision_mismatch") {
      const now = this.now.value;
      return `Somebody was faster${now === null ? "" : `: ${now.author} made revision ${now.revision}`}. Look at it, then press again.`;
    }
    return words(error);
  }

  private async read(): Promise<void> {
    const stream = this.stream;
    if (stream === null) return;
    try {
      const now = await this.rest.get<Selection>(`/v1/streams/${encodeURIComponent(stream)}/selection`);
      if (stream !== this.stream) return;
      batch(() => {
        if (this.now.value !== null && this.now.value.ensemble !== now.ensemble) this.staged.value = new Map();
        this.now.value = now;
        this.staged.value = new Map([...this.staged.value].filter(([id, active]) => active !== this.isActive(id)));
      });
    } catch {
      // shown as the server's state; what is known stays until it answers again
    }
  }
}

/** Ids as people write them.
 * `ranges([0, 1, 2, 5])` is "0–2, 5". */
export function ranges(ids: readonly number[]): string {
  const sorted = [...ids].sort((a, b) => a - b);
  const runs: [number, number][] = [];
  for (const id of sorted) {
    const run = runs.at(-1);
    if (run !== undefined && run[1] === id - 1) run[1] = id;
    else runs.push([id, id]);
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : last === first + 1 ? `${first}, ${last}` : `${first}–${last}`)).join(", ");
}

function describe(select: readonly number[], deselect: readonly number[]): string {
  const words = [deselect.length > 0 ? `deselecting ${ranges(deselect)}` : "", select.length > 0 ? `selecting ${ranges(select)}` : ""];
  return words.filter((word) => word !== "").join(", ");
}
