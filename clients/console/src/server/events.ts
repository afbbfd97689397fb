// Server-sent events. The browser connects again by itself after a break, but not after a refusal: this does.

import type { ServerEvent } from "./documents";

const NAMES = ["selection", "selection_in_force", "ensemble", "stream_started", "stream_stopped", "drift", "missed"];
const PAUSE_MS = 2000;

export class Events {
  private source: EventSource | null = null;
  private timer: number | undefined;
  private closed = false;

  constructor(
    private readonly onEvent: (event: ServerEvent) => void,
    /** Told at every connection: what happened meanwhile may not be known. */
    private readonly onState: (open: boolean) => void,
  ) {}

  open(): void {
    this.closed = false;
    const source = new EventSource("/v1/events");
    source.onopen = () => this.onState(true);
    source.onerror = () => {
      this.onState(false);
      if (source.readyState !== EventSource.CLOSED) return;
      clearTimeout(this.timer);
      if (!this.closed) this.timer = window.setTimeout(() => this.open(), PAUSE_MS);
    };
    for (const name of NAMES) {
      source.addEventListener(name, (message: MessageEvent<string>) => this.onEvent(JSON.parse(message.data) as ServerEvent));
    }
    this.source = source;
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.source?.close();
  }
}
