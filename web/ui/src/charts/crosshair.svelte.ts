/**
 * The one moment that charts, tables and lines point at together.
 *
 * Pointing sets `hover_ms`; a click pins, and the pin lives in the URL, so that a link shows the same second.
 */
import { route } from "../route.svelte";

class Crosshair {
  hover_ms: number | null = $state(null);

  /** The moment pointed at or pinned; null: look at the newest. */
  get at_ms(): number | null {
    return this.hover_ms ?? route.place.at;
  }

  get isPinned(): boolean {
    return route.place.at !== null;
  }

  pin(ms: number | null): void {
    route.set({ at: ms === null ? null : Math.round(ms) });
  }
}

export const crosshair = new Crosshair();
