// Everything that the console knows, put together once: what the models are, and what makes them look anew.

import { computed, effect, signal, untracked } from "@preact/signals";
import { createContext } from "preact";
import { useContext } from "preact/hooks";

import { DriftModel } from "./model/drift";
import { EnsemblesModel } from "./model/ensembles";
import { HistoryModel } from "./model/history";
import { Live } from "./model/live";
import { NetworksModel } from "./model/networks";
import { SelectionModel } from "./model/selection";
import { Series } from "./model/series";
import { Session } from "./model/session";
import { Status } from "./model/status";
import { Display } from "./view/display";
import type { ServerEvent } from "./server/documents";
import { Events } from "./server/events";
import { Rest } from "./server/rest";

const TICK_MS = 250;
const KEPT_EVENTS = 200;
/** A first event is followed up at once, a stream of them now and then. */
const AT_ONCE_MS = 30;
const NOW_AND_THEN_MS = 400;

/** A server-sent event and when it came here, Unix seconds. */
export interface Happening {
  at: number;
  event: ServerEvent;
}

export class Console {
  readonly rest: Rest;
  readonly session: Session;
  readonly status: Status;
  readonly live: Live;
  readonly selection: SelectionModel;
  readonly networks: NetworksModel;
  readonly ensembles: EnsemblesModel;
  readonly history: HistoryModel;
  readonly drift: DriftModel;
  readonly series = new Series();
  readonly display = new Display();
  readonly stream = signal<string | null>(decodeURIComponent(location.hash.slice(1)) || null);
  readonly listening = signal(false);
  /** How many events came, and the last of them. */
  readonly told = signal(0);
  readonly happenings = signal<Happening[]>([]);
  private readonly inside = computed(() => this.session.caller.value !== null && !this.session.signedOut.value);
  private readonly events: Events;
  private rereading: number | undefined;
  private reread = 0;

  constructor() {
    this.session = new Session(() => this.rest);
    this.rest = new Rest(() => this.session.name.value);
    this.status = new Status(this.rest);
    this.live = new Live(this.status);
    this.selection = new SelectionModel(this.rest);
    this.networks = new NetworksModel(this.rest);
    this.ensembles = new EnsemblesModel(this.rest);
    this.history = new HistoryModel(this.rest);
    this.drift = new DriftModel(this.rest, (frameId) => this.series.timeOf(frameId));
    this.events = new Events(
      (event) => this.hear(event),
      (open) => {
        this.listening.value = open;
        if (open) this.readAnew();
      },
    );
  }

  /** Begin; the page lives as long as its window, so there is no end. */
  start(): void {
    this.rest.onSignedOut = () => (this.session.signedOut.value = true);
    this.live.onFrame = (frame) => {
      this.series.add(frame);
      this.networks.fit(Math.max(...frame.shape), this.display.compared.value !== null);
    };
    window.setInterval(() => this.live.tick(), TICK_MS);
    window.addEventListener("hashchange", () => (this.stream.value = decodeURIComponent(location.hash.slice(1)) || null));
    void this.session.look();
    whenever(() => this.inside.value, (inside) => (inside ? this.letIn() : this.letOut()));
    whenever(() => this.status.names.value, (names) => this.chooseStream(names));
    whenever(() => this.stream.value, (stream) => this.watch(stream));
    whenever(() => this.display.compared.value !== null, (compared) => this.networks.fit(Math.max(...(this.live.newest.value?.shape ?? [0])), compared));
  }

  choose(stream: string): void {
    location.hash = encodeURIComponent(stream);
  }

  private letIn(): void {
    this.status.repeat.start();
    this.selection.repeat.start();
    this.drift.repeat.start();
    this.events.open();
    this.watch(this.stream.value);
  }

  /** Nothing is asked of a server that would refuse it; whoever signs in loads the page anew. */
  private letOut(): void {
    for (const { repeat } of [this.status, this.selection, this.drift]) repeat.stop();
    this.events.close();
    this.live.watch(null);
    this.networks.watch(null);
  }

  private chooseStream(names: readonly string[]): void {
    if (this.stream.value === null && names[0] !== undefined) this.choose(names[0]);
  }

  private watch(stream: string | null): void {
    if (!this.inside.value) return;
    this.series.clear();
    this.live.watch(stream);
    this.networks.watch(stream);
    this.selection.watch(stream);
    this.drift.watch(stream);
    this.readAnew();
  }

  private hear(event: ServerEvent): void {
    this.told.value += 1;
    this.happenings.value = [...this.happenings.value.slice(1 - KEPT_EVENTS), { at: Date.now() / 1000, event }];
    if (event.event === "missed" || event.event === "ensemble" || event.stream === undefined || event.stream === this.stream.value) this.readAnew();
  }

  /** Soon, and once for a burst of events. */
  private readAnew(): void {
    if (this.rereading !== undefined) return;
    const pause = Math.max(AT_ONCE_MS, this.reread + NOW_AND_THEN_MS - performance.now());
    this.rereading = window.setTimeout(() => {
      this.rereading = undefined;
      this.reread = performance.now();
      void this.selection.repeat.now();
      void this.ensembles.read();
      void this.drift.repeat.now();
      void this.history.watch(this.display.everyStream.value ? null : this.stream.value);
    }, pause);
  }
}

/** Do something with a value, now and each time that it changes, whatever else is looked at meanwhile. */
function whenever<T>(value: () => T, act: (value: T) => void): void {
  const found = computed(value);
  effect(() => {
    const now = found.value;
    untracked(() => act(now));
  });
}

export const ConsoleContext = createContext<Console | null>(null);

/** The console that a component is part of. */
export function useConsole(): Console {
  const console = useContext(ConsoleContext);
  if (console === null) throw new Error("outside of a console");
  return console;
}
