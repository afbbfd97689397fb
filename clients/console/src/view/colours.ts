// Colours that mean something, the same as in the pictures that the server and the command line draw.

/** 33 colours of cividis (Nuñez, Anderton and Renslow 2018), which was made for colour-blind eyes; the rest lies between. */
const CIVIDIS =
  "00224e00285b002e6a0533711a386f273e6e32436d3b496c434e6c4b546c535a6d5a5f6e61656f686a716f70737676767d7c788381798b8778928d789a9376a29975" +
  "aaa073b3a670bbad6dc3b369ccba64d4c15fddc858e6d051efd748f8df3cfee838";

const CLASSES = ["#22d3ff", "#ffb000", "#ff4f9a", "#7dff8a", "#c77dff", "#ff7b54", "#f1fa8c", "#5e9bff"];

/** 256 pixels, as a little-endian canvas has them. */
export type Table = Uint32Array;

export const cividis: Table = gradient(CIVIDIS.match(/.{6}/g)!.map((text) => [0, 2, 4].map((i) => parseInt(text.slice(i, i + 2), 16))));

/** As a CSS gradient for a legend's bar. */
export const cividisStops: string[] = CIVIDIS.match(/.{6}/g)!.map((text) => `#${text}`);

export function classColour(classId: number): string {
  return CLASSES[classId % CLASSES.length]!;
}

/** Grey levels: `black` and `white` of 0–255, and an exponent between them. */
export function greys(black: number, white: number, gamma: number): Table {
  const span = Math.max(1, white - black);
  return Uint32Array.from({ length: 256 }, (_, level) => {
    const value = Math.min(1, Math.max(0, (level - black) / span)) ** gamma;
    return pixel([255 * value, 255 * value, 255 * value]);
  });
}

function gradient(stops: number[][]): Table {
  return Uint32Array.from({ length: 256 }, (_, level) => {
    const place = (level / 255) * (stops.length - 1);
    const i = Math.min(stops.length - 2, Math.floor(place));
    const mix = (channel: number): number => stops[i]![channel]! + (place - i) * (stops[i + 1]![channel]! - stops[i]![channel]!);
    return pixel([mix(0), mix(1), mix(2)]);
  });
}

function pixel(rgb: [number, number, number]): number {
  const [red, green, blue] = rgb.map(Math.round) as [number, number, number];
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
