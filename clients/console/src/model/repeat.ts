// Asking again and again, one question at a time, and not while nobody looks at the page.

export class Repeat {
  private timer: number | undefined;
  private stopped = true;
  private asking: Promise<void> | null = null;

  constructor(
    private readonly ask: () => Promise<void>,
    private readonly everyMs: number,
  ) {}

  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    document.addEventListener("visibilitychange", this.wake);
    void this.turn();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.wake);
  }

  /** Ask at once; where a question is under way, after its answer. */
  async now(): Promise<void> {
    await this.asking;
    clearTimeout(this.timer);
    await this.turn();
  }

  private readonly wake = (): void => {
    if (!document.hidden) void this.now();
  };

  private async turn(): Promise<void> {
    if (this.stopped) return;
    this.asking ??= this.ask().finally(() => (this.asking = null));
    await this.asking;
    clearTimeout(this.timer);
    if (!this.stopped && !document.hidden) this.timer = window.setTimeout(() => void this.turn(), this.everyMs);
  }
}
