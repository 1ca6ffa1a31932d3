/**
 * A line as pieces to draw: colours of the program, keys of JSON and marks of the search laid over each other.
 *
 * In: the raw text and a marker. Out: text pieces with class names, in order, without overlap. A pane turns each into
 * a text node; nothing is ever parsed as markup.
 */
import { parseAnsi, type Span } from "./ansi";
import { jsonKeys } from "./json";
import type { Marker } from "./pattern";

export interface Piece {
  text: string;
  style: string;
  mark: boolean;
}

// What one row can show; the whole line is in its details.
const SHOWN_CHARACTERS = 2_000;

export function pieces(raw: string, marker: Marker): Piece[] {
  const styled = parseAnsi(raw.length > SHOWN_CHARACTERS * 2 ? raw.slice(0, SHOWN_CHARACTERS * 2) : raw);
  const text = styled.text.slice(0, SHOWN_CHARACTERS);
  const spans: Span[] = styled.spans.length
    ? styled.spans
    : jsonKeys(text).map(([start, end]) => ({ start, end, style: "a-key" }));
  return lay(text, spans, marker.marks(text));
}

/** Cut text at every edge of a span or a mark. */
export function lay(text: string, spans: readonly Span[], marks: readonly (readonly [number, number])[]): Piece[] {
  if (spans.length === 0 && marks.length === 0) return [{ text, style: "", mark: false }];
  const edges = new Set([0, text.length]);
  for (const { start, end } of spans) edges.add(Math.min(start, text.length)).add(Math.min(end, text.length));
  for (const [start, end] of marks) edges.add(start).add(end);
  const cuts = [...edges].sort((a, b) => a - b);
  const out: Piece[] = [];
  let span = 0;
  let mark = 0;
  for (let i = 0; i + 1 < cuts.length; i++) {
    const start = cuts[i]!;
    while (span < spans.length && spans[span]!.end <= start) span++;
    while (mark < marks.length && marks[mark]![1] <= start) mark++;
    const within = spans[span];
    out.push({
      text: text.slice(start, cuts[i + 1]),
      style: within && within.start <= start ? within.style : "",
      mark: mark < marks.length && marks[mark]![0] <= start,
    });
  }
  return out;
}
