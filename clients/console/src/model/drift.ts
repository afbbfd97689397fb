// What the drift monitor sees in the stream, what it would do, and what it may do.

import { batch, signal } from "@preact/signals";

import type { Autopilot, Drift, Mode, Recommendation } from "../server/documents";
import { words, type Rest } from "../server/rest";
import { Repeat } from "./repeat";

const EVERY_MS = 1500;
const LENGTH = 1200;
const KEPT_ALARMS = 100;

/** How far the stream was from its usual state. */
export interface DriftPoint {
  /** Unix seconds. */
  at: number;
  frameId: number;
  score: number | null;
}

/** An alarm and when it began, Unix seconds, as far as this page knows. */
export interface SeenAlarm {
  key: string;
  at: number;
}

export class DriftModel {
  readonly now = signal<Drift | null>(null);
  readonly advice = signal<Recommendation | null>(null);
  readonly autopilot = signal<Autopilot | null>(null);
  readonly points = signal<DriftPoint[]>([]);
  readonly seen = signal<SeenAlarm[]>([]);
  /** Why there is nothing, in the server's words. */
  readonly trouble = signal("");
  readonly refusal = signal("");
  readonly repeat: Repeat;
  private stream: string | null = null;

  /** @param timeOf when a frame came, Unix seconds, where that is known */
  constructor(
    private readonly rest: Rest,
    private readonly timeOf: (frameId: number) => number | null,
  ) {
    this.repeat = new Repeat(() => this.read(), EVERY_MS);
  }

  watch(stream: string | null): void {
    this.stream = stream;
    batch(() => {
      this.now.value = null;
      this.advice.value = null;
      this.autopilot.value = null;
      this.points.value = [];
      this.seen.value = [];
      this.trouble.value = this.refusal.value = "";
    });
    void this.repeat.now();
  }

  async setMode(mode: Mode): Promise<void> {
    const stream = this.stream;
    if (stream === null) return;
    try {
      const kept = await this.rest.json<Autopilot>("PUT", `${this.path(stream)}/autopilot`, { body: { mode } });
      if (stream === this.stream) this.autopilot.value = kept;
      this.refusal.value = "";
    } catch (error) {
      this.refusal.value = words(error);
    }
    await this.repeat.now();
  }

  private path(stream: string): string {
    return `/v1/streams/${encodeURIComponent(stream)}`;
  }

  private async read(): Promise<void> {
    const stream = this.stream;
    if (stream === null) return;
    const path = this.path(stream);
    const asked = [this.rest.get<Drift>(`${path}/drift`), this.rest.get<Recommendation>(`${path}/recommendation`), this.rest.get<Autopilot>(`${path}/autopilot`)] as const;
    const [now, advice, autopilot] = await Promise.allSettled(asked);
    if (stream !== this.stream) return;
    batch(() => {
      this.trouble.value = now.status === "rejected" ? words(now.reason) : "";
      this.advice.value = advice.status === "fulfilled" ? advice.value : null;
      if (autopilot.status === "fulfilled") this.autopilot.value = autopilot.value;
      this.now.value = now.status === "fulfilled" ? now.value : null;
      if (now.status === "fulfilled" && now.value.stale === null) this.take(now.value);
    });
  }

  private take(drift: Drift): void {
    const known = new Set(this.seen.value.map((alarm) => alarm.key));
    const added = drift.alarms
      .map((alarm) => ({
        key: `${alarm.signal} ${alarm.member} ${alarm.began_frame_id}`,
        at: this.timeOf(alarm.began_frame_id) ?? drift.as_of,
      }))
      .filter((alarm) => !known.has(alarm.key));
    if (added.length > 0) this.seen.value = [...this.seen.value, ...added].slice(-KEPT_ALARMS);
    if (this.points.value.at(-1)?.frameId === drift.frame_id) return;
    this.points.value = [...this.points.value.slice(1 - LENGTH), { at: drift.as_of, frameId: drift.frame_id, score: drift.score }];
  }
}
