// What was commanded, by whom and why: the audit, newest first, a page at a time.

import { batch, signal } from "@preact/signals";

import type { AuditPage, AuditRecord } from "../server/documents";
import { words, type Rest } from "../server/rest";

const PAGE = 50;
const MOST = 2000;

export class HistoryModel {
  readonly entries = signal<AuditRecord[]>([]);
  readonly next = signal<string | null>(null);
  readonly trouble = signal("");
  private stream: string | null = null;

  constructor(private readonly rest: Rest) {}

  async watch(stream: string | null): Promise<void> {
    this.stream = stream;
    await this.read();
  }

  /** The newest page; what was read beyond it stays. */
  async read(): Promise<void> {
    const stream = this.stream;
    const page = await this.ask(null);
    if (page === null || stream !== this.stream) return;
    const oldest = page.entries.at(-1);
    const place = oldest === undefined ? -1 : this.entries.value.findIndex((entry) => entry.id === oldest.id);
    batch(() => {
      if (place >= 0) {
        this.entries.value = [...page.entries, ...this.entries.value.slice(place + 1)].slice(0, MOST);
      } else {
        this.entries.value = page.entries;
        this.next.value = page.next;
      }
    });
  }

  async more(): Promise<void> {
    const page = this.next.value === null ? null : await this.ask(this.next.value);
    if (page === null) return;
    batch(() => {
      this.entries.value = [...this.entries.value, ...page.entries];
      this.next.value = this.entries.value.length < MOST ? page.next : null;
    });
  }

  /** What held for a frame: the newest applied change whose first frame is not after it. Null where none that was read tells. */
  heldFor(frameId: number): AuditRecord | null {
    const applied = this.entries.value.filter((entry) => entry.outcome === "applied" && entry.after !== null && entry.first_frame_id !== null);
    return applied.find((entry) => entry.first_frame_id! <= frameId) ?? null;
  }

  private async ask(page: string | null): Promise<AuditPage | null> {
    const query = new URLSearchParams({ limit: String(PAGE) });
    if (this.stream !== null) query.set("stream", this.stream);
    if (page !== null) query.set("page", page);
    try {
      const answer = await this.rest.get<AuditPage>(`/v1/audit?${query}`);
      this.trouble.value = "";
      return answer;
    } catch (error) {
      this.trouble.value = words(error);
      return null;
    }
  }
}
