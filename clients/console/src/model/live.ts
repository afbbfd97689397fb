// The last frames of a stream: what is shown of them, and whether that may be called live.

import { batch, computed, signal } from "@preact/signals";

import type { LiveFrame } from "../server/live_frame";
import { LiveSocket } from "../server/live_socket";
import type { Status } from "./status";

const OUTPUTS = "frame,mean,std,atoms,hotspots";
const RATE = 15;
const MOST_SIDE = 1024;
const KEPT_FRAMES = 60;
const KEPT_BYTES = 128 * 1024 * 1024;
const LATE_MS = 1500;
/** A frame counts as late after so many times the usual pause between frames. */
const LATE_PAUSES = 5;

export type Freshness = "live" | "frozen" | "idle" | "silent" | "disconnected" | "waiting";

export class Live {
  readonly open = signal(false);
  /** Oldest first. */
  readonly frames = signal<LiveFrame[]>([]);
  /** The frame that somebody looks at while new ones come; null: the newest. */
  readonly held = signal<LiveFrame | null>(null);
  /** ms of this page's clock, a few times a second. */
  readonly now = signal(performance.now());
  readonly newest = computed(() => this.frames.value.at(-1) ?? null);
  readonly shown = computed(() => this.held.value ?? this.newest.value);
  /** How many frames have come to this page. */
  readonly came = signal(0);
  /** Told of every frame that comes. */
  onFrame: (frame: LiveFrame) => void = () => {};

  private socket: LiveSocket | null = null;
  private stream: string | null = null;
  private scale = 1;
  private sinceOpen = 0;
  private pause = 0;

  constructor(private readonly status: Status) {}

  readonly freshness = computed((): Freshness => {
    if (!this.status.reachable.value) return "disconnected";
    if (!this.open.value) return this.status.named(this.stream) === null ? "waiting" : "disconnected";
    if (this.status.engineSilent.value) return "silent";
    const newest = this.newest.value;
    if (newest === null) return "waiting";
    if (this.ageMs.value > Math.max(LATE_MS, LATE_PAUSES * this.pause)) return "idle";
    return this.held.value === null ? "live" : "frozen";
  });

  /** Since the newest frame came to the server or here, whichever is longer: who joins is sent the last frame however old it is. */
  readonly ageMs = computed(() => {
    const newest = this.newest.value;
    if (newest === null) return 0;
    const here = this.now.value - newest.receivedAt;
    if (this.sinceOpen > 1) return here;
    const stream = this.status.named(this.stream);
    return stream === null ? here : here + Math.max(0, 1000 * (this.status.asOf.value - stream.last_frame_at));
  });

  watch(stream: string | null): void {
    this.socket?.close();
    this.socket = null;
    if (stream !== this.stream) {
      this.stream = stream;
      this.scale = 1;
      batch(() => {
        this.frames.value = [];
        this.held.value = null;
        this.open.value = false;
      });
    }
    if (stream === null) return;
    this.socket = new LiveSocket(
      { stream, outputs: OUTPUTS, scale: this.scale, rate: RATE },
      { onFrame: (frame) => this.take(frame), onState: (open) => this.connected(open) },
    );
    this.socket.open();
  }

  tick(): void {
    this.now.value = performance.now();
  }

  freeze(): void {
    this.held.value = this.newest.value;
  }

  goOn(): void {
    this.held.value = null;
  }

  /** Look at the frame `by` frames later, earlier where it is negative. */
  step(by: number): void {
    const frames = this.frames.value;
    const from = this.position.value;
    const next = frames[Math.min(frames.length - 1, Math.max(0, from + by))];
    if (next !== undefined) this.held.value = next;
  }

  /** Of the frame shown, among those kept. */
  readonly position = computed(() => {
    const shown = this.shown.value;
    return shown === null ? -1 : this.frames.value.indexOf(shown);
  });

  private connected(open: boolean): void {
    this.sinceOpen = 0;
    this.open.value = open;
  }

  private take(frame: LiveFrame): void {
    const last = this.newest.value;
    if (last !== null && last.epoch === frame.epoch && last.sequence === frame.sequence) return;
    this.sinceOpen += 1;
    if (last !== null && this.sinceOpen > 1) this.pause = 0.8 * this.pause + 0.2 * (frame.receivedAt - last.receivedAt);
    batch(() => {
      this.came.value += 1;
      this.now.value = frame.receivedAt;
      this.frames.value = kept([...this.frames.value, frame], this.held.value);
    });
    this.onFrame(frame);
    const scale = Math.min(1, MOST_SIDE / Math.max(...frame.shape, 1));
    if (scale !== this.scale) {
      this.scale = scale;
      this.watch(this.stream);
    }
  }
}

/** The last frames, as many as there is room for, and the one that somebody looks at. */
function kept(frames: LiveFrame[], held: LiveFrame | null): LiveFrame[] {
  let bytes = frames.reduce((sum, frame) => sum + frame.bytes, 0);
  while (frames.length > KEPT_FRAMES || (bytes > KEPT_BYTES && frames.length > 2)) {
    const place = frames[0] === held ? 1 : 0;
    bytes -= frames[place]!.bytes;
    frames.splice(place, 1);
  }
  return frames;
}
