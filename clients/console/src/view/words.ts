// Numbers and times as people read them.

export const NONE = "–";

export function number(value: number | null | undefined, digits = 2): string {
  return value === null || value === undefined || !Number.isFinite(value) ? NONE : value.toFixed(digits);
}

export function percent(value: number | null | undefined): string {
  return value === null || value === undefined || !Number.isFinite(value) ? NONE : `${Math.round(100 * value)} %`;
}

export function milliseconds(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}

export function clock(unixSeconds: number): string {
  return new Date(1000 * unixSeconds).toLocaleTimeString([], { hour12: false });
}

export function dated(unixSeconds: number): string {
  const then = new Date(1000 * unixSeconds);
  const today = then.toDateString() === new Date().toDateString();
  return today ? clock(unixSeconds) : `${then.toLocaleDateString()} ${clock(unixSeconds)}`;
}

/** "4 s", "3 min", "2 h". */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
