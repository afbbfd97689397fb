// How the last frames went, in time lines.

import { useMemo } from "preact/hooks";

import { useConsole } from "../console";
import type { Point } from "../model/series";
import { TimeLine, type Mark } from "./TimeLine";

const LINES: { title: string; colour: string; digits: number; of: (point: Point) => number | null }[] = [
  { title: "Support: networks that see an atom", colour: "#5fd38d", digits: 2, of: (point) => point.support },
  { title: "Uncertainty: spread on atoms", colour: "#ffb000", digits: 3, of: (point) => point.uncertainty },
  { title: "Atoms", colour: "#4cc2ff", digits: 0, of: (point) => point.atoms },
  { title: "Latency, ms", colour: "#c9a6ff", digits: 0, of: (point) => point.latencyMs },
];
const CHANGE = "#8b98a8";

export function Drift() {
  const { series, history } = useConsole();
  const points = series.points.value;
  const entries = history.entries.value;
  const times = useMemo(() => points.map((point) => point.at), [points]);
  const marks = useMemo((): Mark[] => {
    const changes = entries.filter((entry) => entry.outcome === "applied" && entry.after !== null);
    return changes.map((entry) => ({ at: entry.at, colour: CHANGE, text: `${entry.author}: ${entry.action}` }));
  }, [entries]);
  return (
    <div class="drift">
      {LINES.map(({ title, colour, digits, of }) => (
        <TimeLine key={title} title={title} colour={colour} digits={digits} times={times} values={points.map(of)} marks={marks} together="drift" />
      ))}
    </div>
  );
}
