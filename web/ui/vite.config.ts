import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// `make run` serves the hub here; `npm run dev` passes its questions on.
const hub = process.env["FLEETGLASS_HUB"] ?? "http://127.0.0.1:7480";

export default defineConfig({
  // Relative addresses, so that the page also works below a path prefix of a proxy.
  base: "./",
  plugins: [svelte()],
  build: {
    outDir: "../fleetglass_web/static",
    emptyOutDir: true,
    target: "es2022",
    // Preloads would be inlined as a polyfill; every browser we support knows modulepreload.
    modulePreload: { polyfill: false },
    // An inlined asset is a data: address, which the content security policy refuses.
    assetsInlineLimit: 0,
    // Where the build's seconds go is noise on a busy machine.
    rolldownOptions: { checks: { bundlerTimings: false } },
  },
  server: { proxy: { "/api": { target: hub, ws: true }, "/healthz": hub } },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
