/**
 * Pause stops the picture, not the data: stores go on filling, what draws asks here until when it may show.
 */
import { hub } from "./hub.svelte";

class Pause {
  /** The hub's clock when the reader paused; null while the picture moves. */
  since_ms: number | null = $state(null);

  toggle(): void {
    if (this.since_ms !== null) this.since_ms = null;
    else if (!Number.isNaN(hub.now())) this.since_ms = hub.now();
  }

  /** The newest moment that may be drawn. */
  edge_ms(): number {
    return this.since_ms ?? hub.now();
  }
}

export const pause = new Pause();
