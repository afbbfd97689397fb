// Who is at the console, and what they may do.

import { computed, signal } from "@preact/signals";

import type { Caller } from "../server/documents";
import { Problem, words, type Rest } from "../server/rest";

const NAME_KEPT_AS = "elitscope.name";
const AGAIN_MS = 2000;
export const NAME_PATTERN = "[A-Za-z0-9]([A-Za-z0-9 ._@+\\-]{0,62}[A-Za-z0-9._@+\\-])?";

export class Session {
  readonly caller = signal<Caller | null>(null);
  readonly signedOut = signal(false);
  readonly trouble = signal("");
  /** What somebody without a key calls themselves; it stands in the history. */
  readonly name = signal(localStorage.getItem(NAME_KEPT_AS) ?? "console");

  readonly mayOperate = computed(() => this.caller.value?.scopes.includes("operate") === true && this.caller.value.role === "operator");

  readonly mayAdminister = computed(() => this.caller.value?.scopes.includes("admin") === true);

  constructor(private readonly rest: () => Rest) {}

  async look(): Promise<void> {
    try {
      this.caller.value = await this.rest().get<Caller>("/v1/caller");
      this.signedOut.value = false;
    } catch (error) {
      if (error instanceof Problem && error.status === 401) this.signedOut.value = true;
      else window.setTimeout(() => void this.look(), AGAIN_MS);
    }
  }

  async signIn(token: string): Promise<boolean> {
    try {
      await this.rest().json("POST", "/v1/sign-in", { body: { token } });
      this.trouble.value = "";
    } catch (error) {
      this.trouble.value = words(error);
      return false;
    }
    await this.look();
    return true;
  }

  async signOut(): Promise<void> {
    await this.rest().json("POST", "/v1/sign-out");
    this.caller.value = null;
    this.signedOut.value = true;
  }

  async rename(name: string): Promise<void> {
    this.name.value = name;
    localStorage.setItem(NAME_KEPT_AS, name);
    await this.look();
  }
}
