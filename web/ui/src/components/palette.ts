/**
 * Which hosts and actions a few typed letters mean.
 *
 * In: what was typed, and the candidates. Out: those that fit, best first, with the letters that matched, for bold type.
 * Letters must come in order; better are those that stand together, at a beginning, and in a short name.
 */

export interface Fit {
  score: number;
  /** Positions in the candidate's text that were typed. */
  at: number[];
}

/** How well a text fits what was typed; null if its letters do not occur in this order. */
export function fitOf(typed: string, text: string): Fit | null {
  const wanted = typed.toLowerCase().replace(/\s+/g, "");
  const lower = text.toLowerCase();
  if (wanted === "") return { score: 0, at: [] };
  const whole = lower.indexOf(wanted);
  if (whole >= 0) {
    const at = Array.from({ length: wanted.length }, (_, i) => whole + i);
    return { score: 1_000 - whole * 5 - text.length, at };
  }
  const at: number[] = [];
  let from = 0;
  let score = 500 - text.length;
  for (const letter of wanted) {
    const found = lower.indexOf(letter, from);
    if (found < 0) return null;
    if (found !== from) score -= 10;
    // `db3` means `db-03`: a digit after leading zeros, a word's first letter.
    if (found > 0 && /[\s\-_.0]/.test(lower[found - 1]!)) score += 8;
    at.push(found);
    from = found + 1;
  }
  return { score, at };
}

/** The text in pieces, for bold letters. */
export function pieces(text: string, at: readonly number[]): { text: string; hit: boolean }[] {
  const marked = new Set(at);
  const found: { text: string; hit: boolean }[] = [];
  for (let i = 0; i < text.length; i++) {
    const hit = marked.has(i);
    const last = found.at(-1);
    if (last?.hit === hit) last.text += text[i];
    else found.push({ text: text[i]!, hit });
  }
  return found;
}

export function best<T>(
  typed: string,
  all: readonly T[],
  text: (one: T) => string,
  most: number,
): { one: T; fit: Fit }[] {
  return all
    .flatMap((one) => {
      const its = fitOf(typed, text(one));
      return its ? [{ one, fit: its }] : [];
    })
    .sort((a, b) => b.fit.score - a.fit.score)
    .slice(0, most);
}
