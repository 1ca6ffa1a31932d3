/**
 * Lines a second by name (host or file), over the last ten seconds.
 *
 * In: a name and a time for each line. Out: names with their rate, the busiest first; a name that fell silent stays
 * with 0, so that a list does not jump under a reader.
 */

const WINDOW_S = 10;

export class Rates {
  #counts = new Map<string, Float64Array>();
  #second = Number.NaN;

  add(name: string, timeMs: number, lines = 1): void {
    const second = Math.floor(timeMs / 1000);
    this.#advance(second);
    if (second <= this.#second - WINDOW_S) {
      // Old lines tell that a name exists, not how busy it is.
      if (!this.#counts.has(name)) this.#counts.set(name, new Float64Array(WINDOW_S));
      return;
    }
    let counts = this.#counts.get(name);
    if (!counts) {
      counts = new Float64Array(WINDOW_S);
      this.#counts.set(name, counts);
    }
    counts[second % WINDOW_S]! += lines;
  }

  /** Names and lines a second at a moment; the second under way does not count yet. */
  list(nowMs: number): [name: string, perSecond: number][] {
    const now = Math.floor(nowMs / 1000);
    this.#advance(now);
    const slot = this.#second % WINDOW_S;
    return [...this.#counts]
      .map(([name, counts]): [string, number] => [
        name,
        (counts.reduce((a, b) => a + b, 0) - counts[slot]!) / (WINDOW_S - 1),
      ])
      .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  }

  clear(): void {
    this.#counts.clear();
    this.#second = Number.NaN;
  }

  #advance(second: number): void {
    if (Number.isNaN(this.#second)) this.#second = second;
    if (second <= this.#second) return;
    const steps = Math.min(WINDOW_S, second - this.#second);
    for (let i = 1; i <= steps; i++) {
      const slot = (second - steps + i) % WINDOW_S;
      for (const counts of this.#counts.values()) counts[slot] = 0;
    }
    this.#second = second;
  }
}
