// What the server answers with, as its OpenAPI description has it: the fields that this console reads.

export type Scope = "read" | "operate" | "admin";

export interface Caller {
  name: string;
  role: "operator" | "controller";
  scopes: Scope[];
  /** Whether the server asks for keys; without them a caller is who they say they are. */
  keys: boolean;
}

export interface Histogram {
  count: number;
  p50_ms: number | null;
  p90_ms: number | null;
  p99_ms: number | null;
}

export interface StreamStatus {
  name: string;
  outcomes: Record<string, number>;
  /** Frames answered per second. */
  rate_hz: number;
  queue_depth: number;
  /** Unix seconds. */
  last_frame_at: number;
  selection: { ensemble: string; members: number[]; revision: number };
  total: Histogram;
  stages: Record<string, Histogram>;
}

export interface StreamList {
  as_of: number;
  stale: boolean;
  streams: StreamStatus[];
}

export interface Ensemble {
  name: string;
  state: "on_disk" | "loading" | "ready" | "failed";
  why: string | null;
  version: string | null;
  classes: string[];
  members: { id: number; metrics: Record<string, number> }[];
  /** Å/px. */
  sampling: number | null;
  sampling_range: [number, number] | null;
  trained_on: string | null;
  calibrated: boolean | null;
  license: string | null;
  plan: string | null;
  precision: string | null;
}

export interface EnsembleList {
  default: string | null;
  stale: boolean;
  ensembles: Ensemble[];
}

export interface Hold {
  holder: string;
  reason: string;
  /** Unix seconds. */
  since: number;
  until: number | null;
}

export interface Selection {
  ensemble: string;
  members: { id: number; active: boolean }[];
  min_members: number;
  preference: number[];
  hold: Hold | null;
  revision: number;
  author: string;
  reason: string;
  since: number;
  first_frame_id: number | null;
}

export interface Figures {
  pixel_agreement: number | null;
  atom_agreement: number | null;
  probability_at_atoms: number | null;
  detections: number;
  fog: number | null;
}

export interface LiveMember {
  id: number;
  active: boolean;
  metrics: Record<string, number>;
  figures: Figures | null;
  frame: { frame_id: number; sequence: number; revision: number; atoms: number } | null;
  /** Drift alarms about it, in words. */
  alarms?: string[];
}

export interface LiveMembers {
  stale: boolean;
  ensemble: string;
  revision: number;
  members: LiveMember[];
}

export interface Networks {
  ensemble: string;
  members: number[];
}

export interface AuditRecord {
  id: string;
  at: number;
  action: string;
  stream: string | null;
  subject: string | null;
  author: string;
  role: string;
  reason: string;
  before: Networks | null;
  after: Networks | null;
  value: string | null;
  revision: number | null;
  outcome: "applied" | "refused";
  code: string;
  detail: string;
  first_frame_id: number | null;
}

export interface AuditPage {
  entries: AuditRecord[];
  next: string | null;
}

export type Mode = "off" | "advise" | "act";

export interface Autopilot {
  mode: Mode;
  author: string;
  since: number;
}

/** An RFC 9457 problem document. */
export interface ProblemDocument {
  status: number;
  title: string;
  detail: string;
  code: string;
}

/** What a server-sent event says. */
export interface ServerEvent {
  event: string;
  stream?: string;
  revision?: number;
  frame_id?: number;
  name?: string;
  state?: string;
  [key: string]: unknown;
}

export interface DriftAlarm {
  signal: string;
  /** Null: of the whole frame. */
  member: number | null;
  began_frame_id: number;
  value: number | null;
  usual: number | null;
  text: string;
}

export interface Drift {
  ensemble: string;
  revision: number;
  frame_id: number;
  as_of: number;
  /** Why this is not the present; null where it is. */
  stale: string | null;
  state: "learning" | "watching" | "stale";
  /** 1 is an alarm. */
  score: number | null;
  scores: Record<string, number | null>;
  alarms: DriftAlarm[];
  signals: Record<string, number | null>;
}

export interface Recommendation {
  ensemble: string;
  frame_id: number;
  stale: string | null;
  kind: "no_change" | "members" | "ensemble" | "retrain";
  members: number[] | null;
  use: string | null;
  reasons: string[];
  confidence: number | null;
  frames: number[];
  since_frame_id: number;
  autopilot: { mode: Mode; state: string; why: string };
}
