// Where the page begins.

import { render } from "preact";
import "uplot/dist/uPlot.min.css";

import { Console, ConsoleContext } from "./console";
import { App } from "./parts/App";
import "./style.css";

const console = new Console();
console.start();
render(
  <ConsoleContext.Provider value={console}>
    <App />
  </ConsoleContext.Provider>,
  document.getElementById("console")!,
);
