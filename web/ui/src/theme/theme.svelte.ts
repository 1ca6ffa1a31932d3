/**
 * Dark, light, or as the system says. `public/theme.js` applies the same rules before the first paint.
 *
 * `theme.colours` are the tokens as canvas needs them, read once a change of theme.
 */
import { route } from "../route.svelte";

const KEY = "fleetglass.theme";
const NAMES = [
  "bg0", "bg1", "bg2", "bg3", "line", "line2", "edge", "t1", "t2", "t3", "live", "late", "lost", "link", "err", "warn", "crit", "info",
  "h-info", "h-debug", "h-err", "h-warn", "d-user", "d-system", "d-iowait", "d-steal", "d-in", "d-out", "d-neutral", "d-faint",
  "c1", "c2", "c3", "c4", "c5", "hatch", "sel",
] as const; // biome-ignore format: a table
export type Token = (typeof NAMES)[number];

export interface Colours extends Record<Token, string> {
  heat: readonly string[];
  /** Fonts for canvas text: axis figures, and marked ones. */
  font: string;
  fontBold: string;
  mono: string;
}

type Choice = "dark" | "light" | "system";

class Theme {
  #choice: Choice = $state(kept());
  #systemLight = $state(false);

  constructor() {
    const system = matchMedia("(prefers-color-scheme: light)");
    this.#systemLight = system.matches;
    system.addEventListener("change", () => {
      this.#systemLight = system.matches;
    });
  }

  readonly name: "dark" | "light" = $derived.by(() => {
    if (route.place.theme) return route.place.theme;
    if (this.#choice !== "system") return this.#choice;
    return this.#systemLight ? "light" : "dark";
  });

  readonly colours: Colours = $derived.by(() => read(this.name));

  /** Dark, light, dark ...; the choice is kept on this machine and leaves the link. */
  toggle(): void {
    this.#choice = this.name === "dark" ? "light" : "dark";
    if (route.place.theme) route.set({ theme: null });
    try {
      localStorage.setItem(KEY, this.#choice);
    } catch {
      // Storage may be closed to us; the choice then lasts as long as the page.
    }
  }
}

function kept(): Choice {
  try {
    const value = localStorage.getItem(KEY);
    return value === "dark" || value === "light" ? value : "system";
  } catch {
    return "system";
  }
}

function read(name: "dark" | "light"): Colours {
  // The attribute is set here too, so that the tokens read below are the new theme's.
  document.documentElement.dataset["theme"] = name;
  const style = getComputedStyle(document.documentElement);
  const value = (token: string): string => style.getPropertyValue(`--${token}`).trim();
  const sans = value("font");
  return {
    ...(Object.fromEntries(NAMES.map((token) => [token, value(token)])) as Record<Token, string>),
    heat: value("heat")
      .split(",")
      .map((colour) => colour.trim()),
    font: `11px ${sans}`,
    fontBold: `600 12px ${sans}`,
    mono: `11px ${value("mono")}`,
  };
}

export const theme = new Theme();
