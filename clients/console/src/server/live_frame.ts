// One live message: a container of a RESULT's parts (clients/PROTOCOL.md, "Live frames over WebSocket"), laid out without copying.

export type Kind = "preview" | "summary" | "members" | "inactive";

/** A map or frame in levels 0–255 that stand linearly for `low` to `high`. */
export interface Levels {
  values: Uint8Array;
  width: number;
  height: number;
  low: number;
  high: number;
}

/** The atoms, in px of the frame whatever the pictures' scale. */
export interface Atoms {
  count: number;
  row: (i: number) => number;
  column: (i: number) => number;
  classId: (i: number) => number;
  probability: (i: number) => number;
  support: (i: number) => number;
  sigmaRow: (i: number) => number;
  sigmaColumn: (i: number) => number;
  area: (i: number) => number;
}

/** A place where the networks' doubt is out of line with the rest of the frame; px of the frame. */
export interface Hotspot {
  row: number;
  column: number;
  radius: number;
}

export interface Timing {
  queue_ms: number;
  preprocess_ms: number;
  inference_ms: number;
  atoms_ms: number;
  total_ms: number;
}

export interface LiveFrame {
  kind: Kind;
  frameId: number;
  sequence: number;
  epoch: string;
  ensemble: string;
  members: number[];
  revision: number;
  classes: string[];
  /** Å/px, rows and columns; null where it is unknown. */
  sampling: [number, number] | null;
  warnings: string[];
  timing: Timing;
  /** Rows and columns of the frame itself. */
  shape: [number, number];
  frame: Levels | null;
  /** By class. */
  mean: Levels[];
  std: Levels[];
  atoms: Atoms | null;
  /** The strongest first. */
  hotspots: Hotspot[];
  /** By network, then class. */
  maps: Map<number, Levels[]>;
  /** When it came here, ms of this page's clock. */
  receivedAt: number;
  bytes: number;
}

interface Header {
  kind: Kind;
  frame_id: number;
  sequence: number;
  epoch: string;
  ensemble: string;
  members: number[];
  revision: number;
  classes: string[];
  sampling?: [number, number] | null;
  warnings?: string[];
  timing: Timing;
  shape: number[];
  arrays: { name: string; dtype: string; shape: number[] }[];
  levels?: Record<string, [number, number]>;
}

const ALIGNMENT = 8;
const ATOM_FIELDS = 8;
const HOTSPOT_BYTES = 20;

/** @throws RangeError, SyntaxError: the message is none of the server's. */
export function readLiveFrame(buffer: ArrayBuffer, receivedAt: number): LiveFrame {
  const [, headerBytes, ...buffers] = parts(buffer);
  const header = JSON.parse(new TextDecoder().decode(headerBytes)) as Header;
  const arrays = new Map(header.arrays.map((array, i) => [array.name, { ...array, data: buffers[i]! }]));
  const stack = (name: string): Levels[] => {
    const array = arrays.get(name);
    if (array === undefined) return [];
    const [low, high] = header.levels?.[name] ?? [0, 1];
    const [height, width] = array.shape.slice(-2) as [number, number];
    const count = array.shape.slice(0, -2).reduce((product, side) => product * side, 1);
    return Array.from({ length: count }, (_, i) => ({
      values: array.data.subarray(i * width * height, (i + 1) * width * height),
      width,
      height,
      low,
      high,
    }));
  };
  const own = stack("members");
  const classes = header.classes.length;
  return {
    kind: header.kind,
    frameId: header.frame_id,
    sequence: header.sequence,
    epoch: header.epoch,
    ensemble: header.ensemble,
    members: header.members,
    revision: header.revision,
    classes: header.classes,
    sampling: header.sampling ?? null,
    warnings: header.warnings ?? [],
    timing: header.timing,
    shape: [header.shape[0] ?? 0, header.shape[1] ?? 0],
    frame: stack("frame")[0] ?? null,
    mean: stack("mean"),
    std: stack("std"),
    atoms: arrays.has("atoms") ? atomsOf(arrays.get("atoms")!.data) : null,
    hotspots: arrays.has("hotspots") ? hotspotsOf(arrays.get("hotspots")!.data) : [],
    maps: new Map(own.length === 0 ? [] : header.members.map((id, i) => [id, own.slice(i * classes, (i + 1) * classes)])),
    receivedAt,
    bytes: buffer.byteLength,
  };
}

function parts(buffer: ArrayBuffer): Uint8Array[] {
  const view = new DataView(buffer);
  const count = view.getUint32(0, true);
  let place = 4 + 4 * count;
  return Array.from({ length: count }, (_, i) => {
    const size = view.getUint32(4 + 4 * i, true);
    place += (ALIGNMENT - (place % ALIGNMENT)) % ALIGNMENT;
    const part = new Uint8Array(buffer, place, size);
    place += size;
    return part;
  });
}

function hotspotsOf(data: Uint8Array): Hotspot[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Array.from({ length: data.byteLength / HOTSPOT_BYTES }, (_, i) => {
    const [row, column, radius] = [0, 4, 8].map((offset) => view.getFloat32(i * HOTSPOT_BYTES + offset, true)) as [number, number, number];
    return { row, column, radius };
  });
}

function atomsOf(data: Uint8Array): Atoms {
  const count = data.byteLength / (4 * ATOM_FIELDS);
  const numbers = new Float32Array(data.buffer, data.byteOffset, count * ATOM_FIELDS);
  const ids = new Int32Array(data.buffer, data.byteOffset, count * ATOM_FIELDS);
  const field = (offset: number) => (i: number) => numbers[i * ATOM_FIELDS + offset]!;
  return {
    count,
    row: field(0),
    column: field(1),
    classId: (i) => ids[i * ATOM_FIELDS + 2]!,
    probability: field(3),
    support: field(4),
    sigmaRow: field(5),
    sigmaColumn: field(6),
    area: field(7),
  };
}
