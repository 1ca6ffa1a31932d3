/** UTC or the browser's own time: one switch for every clock on the page, kept on this machine. */
import type { Zone } from "./age";

const KEY = "fleetglass.zone";

class ZoneChoice {
  name: Zone = $state(kept());

  toggle(): void {
    this.name = this.name === "UTC" ? "local" : "UTC";
    try {
      localStorage.setItem(KEY, this.name);
    } catch {
      // Storage may be closed to us; the choice then lasts as long as the page.
    }
  }
}

function kept(): Zone {
  try {
    return localStorage.getItem(KEY) === "local" ? "local" : "UTC";
  } catch {
    return "UTC";
  }
}

export const zone = new ZoneChoice();
