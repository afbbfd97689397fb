// Everything that the console knows, put together once: what the models are, and what makes them look anew.

import { effect, signal } from "@preact/signals";
import { createContext } from "preact";
import { useContext } from "preact/hooks";

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
  readonly series = new Series();
  readonly display = new Display();
  readonly stream = signal<string | null>(decodeURIComponent(location.hash.slice(1)) || null);
  readonly listening = signal(false);
  /** How many events came, and the last of them. */
  readonly told = signal(0);
  readonly happenings = signal<Happening[]>([]);
  private readonly events: Events;
  private rereading: number | undefined;

  constructor() {
    this.session = new Session(() => this.rest);
    this.rest = new Rest(() => this.session.name.value);
    this.status = new Status(this.rest);
    this.live = new Live(this.status);
    this.selection = new SelectionModel(this.rest);
    this.networks = new NetworksModel(this.rest);
    this.ensembles = new EnsemblesModel(this.rest);
    this.history = new HistoryModel(this.rest);
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
    effect(() => this.letIn(this.session.caller.value !== null && !this.session.signedOut.value));
    effect(() => this.chooseStream(this.status.names.value));
    effect(() => this.watch(this.stream.value));
    effect(() => this.networks.fit(Math.max(...(this.live.newest.peek()?.shape ?? [0])), this.display.compared.value !== null));
  }

  choose(stream: string): void {
    location.hash = encodeURIComponent(stream);
  }

  private letIn(inside: boolean): void {
    if (!inside) return;
    this.status.repeat.start();
    this.selection.repeat.start();
    this.events.open();
    this.watch(this.stream.peek());
  }

  private chooseStream(names: readonly string[]): void {
    if (this.stream.peek() === null && names[0] !== undefined) this.choose(names[0]);
  }

  private watch(stream: string | null): void {
    if (this.session.caller.peek() === null) return;
    this.series.clear();
    this.live.watch(stream);
    this.networks.watch(stream);
    this.selection.watch(stream);
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
    this.rereading = window.setTimeout(() => {
      this.rereading = undefined;
      void this.selection.repeat.now();
      void this.ensembles.read();
      void this.history.watch(this.display.everyStream.value ? null : this.stream.value);
    }, 50);
  }
}

export const ConsoleContext = createContext<Console | null>(null);

/** The console that a component is part of. */
export function useConsole(): Console {
  const console = useContext(ConsoleContext);
  if (console === null) throw new Error("outside of a console");
  return console;
}
