// How the server is: its streams, asked for once a second, and what is missing, if anything is.

import { computed, signal } from "@preact/signals";

import type { StreamList, StreamStatus } from "../server/documents";
import { Problem, words, type Rest } from "../server/rest";
import { Repeat } from "./repeat";

const EVERY_MS = 1000;
const DROPPED = /^elitscope_publish_dropped_total(?:\{\})? (\S+)/m;

export interface Readiness {
  ready: boolean;
  /** In the server's words. */
  missing: string;
  epoch: string;
}

export class Status {
  readonly streams = signal<StreamStatus[]>([]);
  readonly asOf = signal(0);
  /** Whether the server answers at all. */
  readonly reachable = signal(true);
  /** Whether its engine has been silent for too long. */
  readonly engineSilent = signal(false);
  readonly readiness = signal<Readiness | null>(null);
  readonly dropped = signal<number | null>(null);
  readonly repeat: Repeat;
  private turns = 0;

  constructor(private readonly rest: Rest) {
    this.repeat = new Repeat(() => this.ask(), EVERY_MS);
  }

  named(name: string | null): StreamStatus | null {
    return this.streams.value.find((stream) => stream.name === name) ?? null;
  }

  readonly names = computed(() => this.streams.value.map((stream) => stream.name).sort());

  private async ask(): Promise<void> {
    try {
      const list = await this.rest.get<StreamList>("/v1/streams");
      this.streams.value = list.streams;
      this.asOf.value = list.as_of;
      this.engineSilent.value = list.stale;
      this.reachable.value = true;
    } catch (error) {
      const status = error instanceof Problem ? error.status : 0;
      this.reachable.value = status !== 0;
      if (status === 503) this.engineSilent.value = true;
      if (status === 401) return;
    }
    if (this.turns++ % 2 === 0) await this.askReadiness();
  }

  private async askReadiness(): Promise<void> {
    try {
      const { epoch } = await this.rest.get<{ epoch: string }>("/readyz");
      this.readiness.value = { ready: true, missing: "", epoch };
    } catch (error) {
      this.readiness.value = { ready: false, missing: words(error), epoch: "" };
    }
    try {
      const found = DROPPED.exec(await this.rest.text("/metrics"));
      this.dropped.value = found ? Number(found[1]) : null;
    } catch {
      this.dropped.value = null;
    }
  }
}
