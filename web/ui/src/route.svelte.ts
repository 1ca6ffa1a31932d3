/**
 * Where the reader is: the URL as state that components can read.
 *
 * Typing replaces the entry of the history, navigating pushes one; Back and forward bring the old place. Pages read
 * `route.place` and change it with `set` (same entry) or `go` (new entry).
 */
import { type Place, parsePlace, prefixOf, printPlace } from "./url";

/** A range that someone zoomed in from; both null: live. */
type Range = Pick<Place, "from" | "to">;

class Route {
  readonly #prefix = prefixOf(document.baseURI);
  #place: Place = $state.raw(this.#read());

  constructor() {
    addEventListener("popstate", () => {
      this.#place = this.#read();
    });
  }

  get place(): Place {
    return this.#place;
  }

  /** True while the page follows the present, and does not look at a fixed range. */
  get live(): boolean {
    return this.#place.from === null;
  }

  /** Change the place in its own entry of the history: for what is typed and toggled. */
  set(change: Partial<Place>): void {
    this.#place = { ...this.#place, ...change };
    history.replaceState(history.state, "", this.href());
  }

  /** Go to another place: Back returns from it. */
  go(change: Partial<Place>): void {
    const next = { ...this.#place, ...change };
    const href = this.href(change);
    if (href === this.href()) return;
    const { from, to } = this.#place;
    const isSame = next.from === from && next.to === to;
    const wider = isSame ? this.#wider() : next.from === null ? [] : [...this.#wider(), { from, to }];
    this.#place = next;
    history.pushState({ wider }, "", href);
  }

  /** Back to the range that was zoomed in from; where a link led straight to a range, to live. */
  zoomOut(): void {
    const wider = [...this.#wider()];
    const range = wider.pop() ?? { from: null, to: null };
    this.#place = { ...this.#place, ...range };
    history.pushState({ wider }, "", this.href());
  }

  /** What this entry of the history was zoomed in from, the widest first. */
  #wider(): Range[] {
    return (history.state as { wider?: Range[] } | null)?.wider ?? [];
  }

  /** The address of a place, for links: the lens travels with it. */
  href(change: Partial<Place> = {}): string {
    return this.#prefix + printPlace({ ...this.#place, ...change }).replace(/^\.\//, "");
  }

  /** What a click on a link should do: follow it here, unless the reader wants a new tab. */
  follow(event: MouseEvent, change: Partial<Place>): void {
    if (
      event.defaultPrevented ||
      event.button !== 0 ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    )
      return;
    event.preventDefault();
    this.go(change);
  }

  #read(): Place {
    return parsePlace(location.pathname.slice(this.#prefix.length), location.search);
  }
}

export const route = new Route();
