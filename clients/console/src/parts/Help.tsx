// The keys.

import { useConsole } from "../console";
import { Dialog } from "./Dialog";

const KEYS: [string, string][] = [
  ["Space", "freeze, go live again"],
  ["← →", "one frame back, one on"],
  ["1 2 3", "frame; with mean; with uncertainty"],
  ["A", "atoms on and off"],
  ["0", "fit the picture"],
  ["+ −", "zoom, in a picture that has the focus"],
  ["Shift + arrows", "move, in a picture that has the focus"],
  ["N D H S", "networks, drift, history, state of the server"],
  ["?", "this list"],
];

export function Help() {
  const { display } = useConsole();
  return (
    <Dialog title="Keys" onClose={() => (display.helping.value = false)}>
      <dl class="keys">
        {KEYS.map(([key, text]) => (
          <div>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <p>Mouse: wheel zooms, dragging moves, a double click fits. Fingers: two zoom, one moves.</p>
    </Dialog>
  );
}
