import { svelte } from "@sveltejs/vite-plugin-svelte";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

// `make run` serves the hub here; `npm run dev` passes its questions on.
const hub = process.env["FLEETGLASS_HUB"] ?? "http://127.0.0.1:7480";

/** Tells `first.js` the files of each page, so that those of the opened one come beside the bundle and not after it. */
function pageFiles(): Plugin {
  return {
    name: "page-files",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      handler(html, { bundle = {} }) {
        const files: Record<string, string[]> = {};
        const below = (name: string, found: Set<string>): void => {
          const chunk = bundle[name];
          if (chunk?.type !== "chunk" || chunk.isEntry || found.has(name)) return;
          found.add(name);
          for (const one of chunk.imports) below(one, found);
        };
        for (const [name, chunk] of Object.entries(bundle)) {
          const page = chunk.type === "chunk" && /\/pages\/(\w+)\.svelte$/.exec(chunk.facadeModuleId ?? "")?.[1];
          if (!page) continue;
          const found = new Set<string>();
          below(name, found);
          files[page.toLowerCase()] = [...found];
        }
        return html.replace('src="./first.js"', `$& data-files='${JSON.stringify(files)}'`);
      },
    },
  };
}

export default defineConfig({
  // Relative addresses, so that the page also works below a path prefix of a proxy.
  base: "./",
  plugins: [svelte(), pageFiles()],
  build: {
    outDir: "../fleetglass_web/static",
    emptyOutDir: true,
    target: "es2022",
    // All pages' styles are some 13 kB together: one file beside the first script, instead of four behind it.
    cssCodeSplit: false,
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
