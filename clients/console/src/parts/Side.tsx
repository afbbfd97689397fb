// Beside the pictures: networks, drift, history and health as tabs; where there is room, the networks stand apart.

import type { ComponentType } from "preact";

import { useConsole } from "../console";
import type { Tab } from "../view/display";
import { Drift } from "./Drift";
import { Health } from "./Health";
import { History } from "./History";
import { Networks } from "./Networks";
import { useWide } from "./useWide";

const PANES: [Tab, string, ComponentType][] = [
  ["networks", "Networks", Networks],
  ["drift", "Drift", Drift],
  ["history", "History", History],
  ["health", "Health", Health],
];

export function Side() {
  const { display } = useConsole();
  const wide = useWide();
  if (!wide) return <Pane name="side" tabs={PANES} chosen={display.tab.value} choose={(tab) => (display.tab.value = tab)} />;
  return (
    <>
      <section class="side apart" aria-label="Networks">
        <h2>Networks</h2>
        <div class="pane" tabIndex={0}>
          <Networks />
        </div>
      </section>
      <Pane
        name="beside"
        tabs={PANES.slice(1)}
        chosen={display.beside.value}
        choose={(tab) => (display.beside.value = tab as Exclude<Tab, "networks">)}
      />
    </>
  );
}

function Alarms() {
  const now = useConsole().drift.now.value;
  if (now === null || now.stale !== null || now.alarms.length === 0) return null;
  return (
    <span class="alarms">
      {now.alarms.length}
      <span class="hidden"> {now.alarms.length === 1 ? "alarm" : "alarms"}</span>
    </span>
  );
}

interface PaneProps {
  name: string;
  tabs: [Tab, string, ComponentType][];
  chosen: Tab;
  choose: (tab: Tab) => void;
}

function Pane({ name, tabs, chosen, choose }: PaneProps) {
  const [, , Chosen] = tabs.find(([tab]) => tab === chosen) ?? tabs[0]!;
  const key = (event: KeyboardEvent): void => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by === undefined) return;
    const place = tabs.findIndex(([tab]) => tab === chosen);
    const next = tabs[(place + by + tabs.length) % tabs.length]![0];
    choose(next);
    document.getElementById(`${name}-${next}`)?.focus();
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <section class="side" aria-label="Panels">
      <div class="tabs" role="tablist" onKeyDown={key}>
        {tabs.map(([tab, text]) => (
          <button
            type="button"
            role="tab"
            id={`${name}-${tab}`}
            aria-selected={tab === chosen}
            aria-controls={`${name}-pane`}
            tabIndex={tab === chosen ? 0 : -1}
            onClick={() => choose(tab)}
          >
            {text} {tab === "drift" && <Alarms />}
          </button>
        ))}
      </div>
      <div class="pane" role="tabpanel" tabIndex={0} id={`${name}-pane`} aria-labelledby={`${name}-${chosen}`}>
        <Chosen />
      </div>
    </section>
  );
}
