/**
 * What a reader typed as Match, for marking hits in lines that the hub has already chosen.
 *
 * The hub's RE2 decides which lines match; the browser only paints. So a pattern that the browser's own engine does
 * not know (or that runs too long on a line) paints nothing, and hides nothing.
 */

// Marks are for eyes: a line full of hits is not helped by the hundredth.
const MARKS = 50;
const CHARACTERS = 4_096;

export class Marker {
  readonly #pattern: RegExp | null;

  constructor(readonly source: string) {
    this.#pattern = source === "" ? null : translate(source);
  }

  /** Where the hits stand in a line, as half-open ranges. */
  marks(text: string): [start: number, end: number][] {
    if (!this.#pattern) return [];
    const found: [number, number][] = [];
    for (const match of text.slice(0, CHARACTERS).matchAll(this.#pattern)) {
      if (match[0] === "") continue;
      found.push([match.index, match.index + match[0].length]);
      if (found.length === MARKS) break;
    }
    return found;
  }

  test(text: string): boolean {
    return this.marks(text).length > 0;
  }
}

/** RE2 to the browser: leading flags become flags; classes in the style of Perl are the same in both. */
function translate(source: string): RegExp | null {
  let flags = "gu";
  let rest = source;
  const leading = /^\(\?([a-zA-Z]+)\)/.exec(source);
  if (leading) {
    if (/[^imsU]/.test(leading[1]!) || leading[1]!.includes("U")) return null;
    flags += [...new Set(leading[1]!)].join("");
    rest = source.slice(leading[0].length);
  }
  // (a+)+ on a long line can take the browser for ever, where RE2 does not: such patterns go unpainted.
  if (/[+*}]\)[+*{]/.test(rest)) return null;
  rest = rest
    .replace(/\(\?P</g, "(?<")
    .replace(/\\A/g, "^")
    .replace(/\\z/g, "$");
  for (const candidate of [flags, flags.replace("u", "")]) {
    try {
      return new RegExp(rest, candidate);
    } catch {
      // Without `u` more escapes are allowed.
    }
  }
  return null;
}
