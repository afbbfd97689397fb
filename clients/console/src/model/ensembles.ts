// The ensembles that there are.

import { signal } from "@preact/signals";

import type { Ensemble, EnsembleList } from "../server/documents";
import { words, type Rest } from "../server/rest";

export class EnsemblesModel {
  readonly all = signal<Ensemble[]>([]);

  readonly trouble = signal("");

  constructor(private readonly rest: Rest) {}

  /** Begin to load one; events say how that goes on. */
  async load(name: string, reason: string): Promise<void> {
    const query = new URLSearchParams({ wait_s: "0", ...(reason === "" ? {} : { reason }) });
    try {
      await this.rest.json("POST", `/v1/ensembles/${encodeURIComponent(name)}/load?${query}`);
      this.trouble.value = "";
    } catch (error) {
      this.trouble.value = words(error);
    }
    await this.read();
  }

  async read(): Promise<void> {
    try {
      this.all.value = (await this.rest.get<EnsembleList>("/v1/ensembles")).ensembles;
    } catch {
      // the state of the server is shown elsewhere
    }
  }

  named(name: string | undefined): Ensemble | null {
    return this.all.value.find((ensemble) => ensemble.name === name) ?? null;
  }
}
