// Every network's own view of the stream: its figures, asked for now and then, and its maps, while somebody looks at them.

import { signal } from "@preact/signals";

import type { LiveMembers } from "../server/documents";
import type { Levels, LiveFrame } from "../server/live_frame";
import { LiveSocket } from "../server/live_socket";
import type { Rest } from "../server/rest";
import { Repeat } from "./repeat";

const EVERY_MS = 1500;
const RATE = 2;
const THUMBNAIL_SIDE = 192;
const COMPARED_SIDE = 768;

/** One network's map, and the mean of the networks in force on the same frame. */
export interface OwnMap {
  frame: LiveFrame;
  own: Levels[];
  mean: Levels[];
}

export class NetworksModel {
  readonly figures = signal<LiveMembers | null>(null);
  readonly maps = signal<ReadonlyMap<number, OwnMap>>(new Map());
  readonly repeat: Repeat;
  private stream: string | null = null;
  private socket: LiveSocket | null = null;
  private looking = false;
  private scale = 0;
  private enlarged = false;
  private side = 0;

  constructor(private readonly rest: Rest) {
    this.repeat = new Repeat(() => this.read(), EVERY_MS);
  }

  watch(stream: string | null): void {
    this.stream = stream;
    this.figures.value = null;
    this.maps.value = new Map();
    this.connect();
  }

  /** Whether somebody looks: maps cost the engine time, so they are asked for only then. */
  look(looking: boolean): void {
    if (looking === this.looking) return;
    this.looking = looking;
    if (looking) this.repeat.start();
    else this.repeat.stop();
    this.connect();
  }

  /** The longer side of the stream's frames, px, and whether one map fills the screen. */
  fit(side: number, enlarged: boolean): void {
    if (side === this.side && enlarged === this.enlarged) return;
    this.side = side;
    this.enlarged = enlarged;
    const scale = this.wantedScale();
    if (scale !== this.scale) this.connect();
  }

  private wantedScale(): number {
    return this.side === 0 ? 0 : Math.min(1, (this.enlarged ? COMPARED_SIDE : THUMBNAIL_SIDE) / this.side);
  }

  private connect(): void {
    this.socket?.close();
    this.socket = null;
    this.scale = this.wantedScale();
    if (this.stream === null || !this.looking || this.scale === 0) return;
    this.socket = new LiveSocket(
      { stream: this.stream, outputs: "members,inactive", scale: this.scale, rate: RATE },
      { onFrame: (frame) => this.take(frame), onState: () => {} },
    );
    this.socket.open();
  }

  private take(frame: LiveFrame): void {
    const mean = frame.kind === "inactive" ? frame.mean : meanOf([...frame.maps.values()]);
    const ensemble = this.maps.value.values().next().value?.frame.ensemble;
    const maps = new Map(ensemble === frame.ensemble ? this.maps.value : []);
    for (const [id, own] of frame.maps) maps.set(id, { frame, own, mean });
    this.maps.value = maps;
  }

  private async read(): Promise<void> {
    const stream = this.stream;
    if (stream === null) return;
    try {
      const figures = await this.rest.get<LiveMembers>(`/v1/streams/${encodeURIComponent(stream)}/members`);
      if (stream === this.stream) this.figures.value = figures;
    } catch {
      // the state of the server is shown elsewhere
    }
  }
}

/** The mean over networks, class by class. */
function meanOf(maps: readonly Levels[][]): Levels[] {
  const first = maps[0];
  if (first === undefined) return [];
  return first.map((like, classId) => {
    const sums = new Uint16Array(like.values.length);
    for (const map of maps) {
      const values = map[classId]!.values;
      for (let i = 0; i < sums.length; i++) sums[i]! += values[i]!;
    }
    return { ...like, values: Uint8Array.from(sums, (sum) => Math.round(sum / maps.length)) };
  });
}
