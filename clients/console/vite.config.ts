// The build goes into the service's package, whence the server and the wheel take it. Nothing is inlined: the Content-Security-Policy
// that the server sends allows files of its own alone.
import { defineConfig } from "vite";

export default defineConfig({
  base: "/",
  build: {
    outDir: "../../service/elitscope_service/console",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    sourcemap: false,
  },
});
