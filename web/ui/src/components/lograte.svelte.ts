/**
 * How many lines the hosts of the lens write a second, and how many of them are errors.
 *
 * Above a small limit the hub sends exact counts of each second instead of the lines; below it the lines come and are
 * counted here. So the page knows both at a price that does not grow with the logs.
 *
 * Out: `per second` rings of the last five minutes, and the newest whole second.
 */
import { COLUMNS } from "../fleet/columns";
import { frames } from "../live/frame";
import { hub } from "../live/hub.svelte";
import { levelOf } from "../logs/levels";

// Few enough to cost nothing, so many that a quiet fleet is counted line by line.
const LIMIT = 10;
const text = new TextDecoder();

class LogRate {
  readonly #lines = new Float64Array(COLUMNS).fill(Number.NaN);
  readonly #errors = new Float64Array(COLUMNS).fill(Number.NaN);
  #newest = -1;
  #since = Number.NaN;
  #filter: string | null = null;
  #end: (() => void) | null = null;
  /** Rises when something was counted. */
  tick = 0;

  follow(filter: string): void {
    if (filter === this.#filter) return;
    this.#filter = filter;
    this.#end?.();
    this.#newest = -1;
    this.#since = Number.NaN;
    this.#end = hub.subscribe(
      { hosts: filter || "*", logs: { path: "*", max_lines_per_s: LIMIT }, tail: 0 },
      {
        began: () => {
          // Seconds before are not known, and not zero.
          this.#since = Math.ceil(hub.now() / 1_000);
        },
        failed: () => {
          this.#since = Number.NaN;
        },
        lines: (batches) => {
          for (const batch of batches)
            for (const [, bytes] of batch.lines)
              this.#add(
                Math.floor(hub.now() / 1_000),
                1,
                bad(levelOf(text.decode(bytes.subarray(0, 512))).level) ? 1 : 0,
              );
          this.#changed();
        },
        counts: ({ time_ms, counts }) => {
          const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
          // Exact, and of the whole second: what was counted by line is in it.
          this.#set(Math.floor(time_ms / 1_000), all, (counts["fatal"] ?? 0) + (counts["error"] ?? 0));
          this.#changed();
        },
      },
    );
  }

  leave(): void {
    this.#end?.();
    this.#end = null;
    this.#filter = null;
  }

  /** Lines in a second; NaN: not watched then. A watched second in which nothing came is 0. */
  lines(second: number): number {
    return this.#value(this.#lines, second);
  }

  errors(second: number): number {
    return this.#value(this.#errors, second);
  }

  #value(ring: Float64Array, second: number): number {
    if (!(second >= this.#since)) return Number.NaN;
    // While the hub is away nobody counts.
    if (second > this.#newest) return hub.link.state === "open" ? 0 : Number.NaN;
    if (second <= this.#newest - COLUMNS) return Number.NaN;
    const value = ring[second % COLUMNS]!;
    return Number.isNaN(value) ? 0 : value;
  }

  #reach(second: number): void {
    if (second <= this.#newest) return;
    for (let empty = Math.max(this.#newest + 1, second - COLUMNS + 1); empty <= second; empty++) {
      this.#lines[empty % COLUMNS] = 0;
      this.#errors[empty % COLUMNS] = 0;
    }
    this.#newest = second;
  }

  #add(second: number, lines: number, errors: number): void {
    this.#reach(second);
    this.#lines[second % COLUMNS]! += lines;
    this.#errors[second % COLUMNS]! += errors;
  }

  #set(second: number, lines: number, errors: number): void {
    if (second <= this.#newest - COLUMNS) return;
    this.#reach(second);
    this.#lines[second % COLUMNS] = lines;
    this.#errors[second % COLUMNS] = errors;
  }

  #changed(): void {
    this.tick++;
    frames.ask();
  }
}

const bad = (level: string): boolean => level === "error" || level === "fatal";

export const lograte = new LogRate();
