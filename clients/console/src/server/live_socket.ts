// A WebSocket of live frames that connects again by itself, a little later each time.

import { readLiveFrame, type LiveFrame } from "./live_frame";

export interface Wanted {
  stream: string;
  outputs: string;
  /** px sent per px of the frame. */
  scale: number;
  /** Messages a second, at most. */
  rate: number;
}

export interface Listener {
  onFrame: (frame: LiveFrame) => void;
  onState: (open: boolean) => void;
}

const FIRST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 3000;

export class LiveSocket {
  private socket: WebSocket | null = null;
  private timer: number | undefined;
  private pause = FIRST_PAUSE_MS;
  private closed = false;

  constructor(
    private readonly wanted: Wanted,
    private readonly listener: Listener,
  ) {}

  open(): void {
    const { stream, outputs, scale, rate } = this.wanted;
    const query = new URLSearchParams({ outputs, scale: scale.toFixed(4), rate: String(rate) });
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/v1/streams/${encodeURIComponent(stream)}/live?${query}`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.listener.onState(true);
    socket.onmessage = (message: MessageEvent<ArrayBuffer>) => {
      this.pause = FIRST_PAUSE_MS;
      this.listener.onFrame(readLiveFrame(message.data, performance.now()));
    };
    socket.onclose = () => {
      if (this.closed) return;
      this.listener.onState(false);
      this.timer = window.setTimeout(() => this.open(), this.pause);
      this.pause = Math.min(LONGEST_PAUSE_MS, 2 * this.pause);
    };
    this.socket = socket;
  }

  /** For good. */
  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.socket?.close();
  }
}
