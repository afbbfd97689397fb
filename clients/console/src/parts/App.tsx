// The whole page.

import { useEffect } from "preact/hooks";

import { useConsole, type Console } from "../console";
import { FITTED, type Arrangement, type Tab } from "../view/display";
import { Compare } from "./Compare";
import { Ensembles } from "./Ensembles";
import { Header } from "./Header";
import { Help } from "./Help";
import { LiveView } from "./LiveView";
import { Side } from "./Side";
import { SignIn } from "./SignIn";

const ARRANGEMENTS: Record<string, Arrangement> = { "1": "frame", "2": "two", "3": "all" };
const TABS: Record<string, Tab> = { n: "networks", d: "drift", h: "history", s: "health" };

export function App() {
  const console = useConsole();
  const { session, display, told, listening } = console;
  useEffect(() => {
    const key = (event: KeyboardEvent): void => press(console, event);
    document.addEventListener("keydown", key);
    return () => document.removeEventListener("keydown", key);
  }, [console]);
  if (session.signedOut.value) return <SignIn />;
  return (
    <div class="console" data-told={told.value} data-listening={listening.value}>
      <Header />
      <main>
        <LiveView />
        <Side />
      </main>
      {display.compared.value !== null && <Compare id={display.compared.value} />}
      {display.choosing.value && <Ensembles />}
      {display.helping.value && <Help />}
    </div>
  );
}

/** The keys that work everywhere but where text is written or something is to be pressed by them. */
function press({ display, live, session }: Console, event: KeyboardEvent): void {
  const target = event.target as Element;
  if (session.signedOut.value || event.ctrlKey || event.metaKey || event.altKey || target.closest("dialog") !== null) return;
  if (target.matches("input:not([type=range]), select, textarea")) return;
  const pressing = target.matches("button, input, summary, a");
  if (event.key === " " && !pressing) {
    if (live.held.value === null) live.freeze();
    else live.goOn();
  } else if ((event.key === "ArrowLeft" || event.key === "ArrowRight") && !event.shiftKey && !target.matches("input")) {
    live.step(event.key === "ArrowLeft" ? -1 : 1);
  } else if (event.key in ARRANGEMENTS) display.arrangement.value = ARRANGEMENTS[event.key]!;
  else if (event.key in TABS) choose(display, TABS[event.key]!);
  else if (event.key === "a") display.atoms.value = !display.atoms.value;
  else if (event.key === "0") display.viewport.value = FITTED;
  else if (event.key === "?") display.helping.value = true;
  else return;
  event.preventDefault();
}

function choose(display: Console["display"], tab: Tab): void {
  display.tab.value = tab;
  if (tab !== "networks") display.beside.value = tab;
}
