// A bar of a round length, about a fifth of the picture wide.

export interface ScaleBar {
  /** px of the box. */
  width: number;
  text: string;
}

const SHARE = 0.22;
const ROUND = [1, 2, 5];

/** @param pixel Å per px of the box
 *  @param room px of the box */
export function scaleBar(pixel: number, room: number): ScaleBar {
  const wanted = SHARE * room * pixel;
  const decade = 10 ** Math.floor(Math.log10(wanted));
  const length = Math.max(...ROUND.map((step) => step * decade).filter((each) => each <= wanted), decade);
  return { width: length / pixel, text: length >= 10 ? `${tidy(length / 10)} nm` : `${tidy(length)} Å` };
}

function tidy(value: number): string {
  return String(Number(value.toPrecision(3)));
}
