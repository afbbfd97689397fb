// Requests to the server that this page came from. Every refusal becomes a Problem with the server's own words.

import type { ProblemDocument } from "./documents";

const PATIENCE_MS = 15_000;

/** A request that failed. `status` 0: the server did not answer. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
  ) {
    super(detail);
  }
}

export interface Options {
  body?: unknown;
  /** The revision that a change builds on: it is refused where somebody was faster. */
  ifMatch?: number;
}

export class Rest {
  /** Called when the server wants a key, or another one. */
  onSignedOut: () => void = () => {};

  /** @param author who acts, where the server has no keys and takes callers at their word */
  constructor(private readonly author: () => string) {}

  get<T>(path: string): Promise<T> {
    return this.json<T>("GET", path);
  }

  async json<T>(method: string, path: string, options: Options = {}): Promise<T> {
    const response = await this.ask(method, path, options);
    return (response.status === 204 ? null : await response.json()) as T;
  }

  async text(path: string): Promise<string> {
    return (await this.ask("GET", path)).text();
  }

  private async ask(method: string, path: string, options: Options = {}): Promise<Response> {
    const headers: Record<string, string> = { "X-Elitscope-Author": this.author() };
    if (options.body !== undefined) headers["Content-Type"] = "application/json";
    if (options.ifMatch !== undefined) headers["If-Match"] = `"${options.ifMatch}"`;
    if (method !== "GET") headers["Idempotency-Key"] = crypto.getRandomValues(new Uint32Array(4)).join("-");
    const init: RequestInit = { method, headers, cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) };
    if (options.body !== undefined) init.body = JSON.stringify(options.body);
    let response: Response;
    try {
      response = await fetch(path, init);
    } catch {
      throw new Problem(0, "server_gone", "the server does not answer");
    }
    if (response.ok) return response;
    const problem = await problemOf(response);
    if (response.status === 401) this.onSignedOut();
    throw problem;
  }
}

/** What went wrong, in words for people. */
export function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function problemOf(response: Response): Promise<Problem> {
  try {
    const document = (await response.json()) as ProblemDocument;
    return new Problem(response.status, document.code, document.detail);
  } catch {
    return new Problem(response.status, "http_error", `${response.status} ${response.statusText}`);
  }
}
