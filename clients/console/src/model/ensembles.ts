// The ensembles that there are.

import { signal } from "@preact/signals";

import type { Ensemble, EnsembleList } from "../server/documents";
import type { Rest } from "../server/rest";

export class EnsemblesModel {
  readonly all = signal<Ensemble[]>([]);

  constructor(private readonly rest: Rest) {}

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
