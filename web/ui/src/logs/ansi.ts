/**
 * Terminal colours in log lines.
 *
 * In: text as the program wrote it. Out: the text that a reader sees, and spans that carry style names; nothing here
 * makes markup, so a line cannot either. Select Graphic Rendition is understood (16, 256 and true colours are drawn in
 * the theme's eight); every other escape sequence is taken out, as a terminal would not print it. Other control
 * characters are shown as their pictures (U+2400 ...), because a NUL in a log is news.
 */

export interface Span {
  start: number;
  end: number;
  /** Class names, with blanks between; see `theme`: a-red a-green ... a-bold a-dim a-italic a-under. */
  style: string;
}

export interface Styled {
  text: string;
  spans: Span[];
}

const COLOURS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"] as const;

// CSI ... final byte; OSC ... BEL or ST; two-character escapes. A sequence that was cut off ends with the line.
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are made of them
const ESCAPE = /\x1b(?:\[([0-9;:]*)([ -/]*[@-~])?|\][^\x07\x1b]*(?:\x07|\x1b\\|$)|[()][A-Za-z0-9]|[@-Z\\^_=>78c]?)/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const ANY_CONTROL = /[\x00-\x08\x0a-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

/** The text without escape sequences, for reading it rather than showing it. */
export function withoutColours(raw: string): string {
  return raw.includes("\x1b") ? raw.replace(ESCAPE, "") : raw;
}

interface Pen {
  colour: string;
  bold: boolean;
  dim: boolean;
  italic: boolean;
  under: boolean;
}

const PLAIN: Pen = { colour: "", bold: false, dim: false, italic: false, under: false };

/** Take colours apart from text. Lines without control characters, nearly all, come back as they are. */
export function parseAnsi(raw: string): Styled {
  if (!ANY_CONTROL.test(raw)) return { text: raw, spans: [] };
  const spans: Span[] = [];
  let text = "";
  let pen = { ...PLAIN };
  let from = 0;
  const put = (piece: string) => {
    if (!piece) return;
    const shown = piece.replace(CONTROL, picture);
    const style = styleOf(pen);
    if (style) spans.push({ start: text.length, end: text.length + shown.length, style });
    text += shown;
  };
  for (const match of raw.matchAll(ESCAPE)) {
    put(raw.slice(from, match.index));
    from = match.index + match[0].length;
    if (match[2] === "m") pen = select(pen, match[1] ?? "");
  }
  put(raw.slice(from));
  return { text, spans };
}

function picture(character: string): string {
  const code = character.charCodeAt(0);
  if (code === 0x7f) return "\u2421";
  // Direction marks would let a line rewrite how its neighbours read.
  return code > 0x7f ? "\ufffd" : String.fromCharCode(0x2400 + code);
}

function styleOf(pen: Pen): string {
  let style = pen.colour && `a-${pen.colour}`;
  if (pen.bold) style += " a-bold";
  if (pen.dim) style += " a-dim";
  if (pen.italic) style += " a-italic";
  if (pen.under) style += " a-under";
  return style.trimStart();
}

function select(before: Pen, parameters: string): Pen {
  const pen = { ...before };
  const codes = parameters.split(/[;:]/).map((code) => (code === "" ? 0 : Number(code)));
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i]!;
    if (code === 0) Object.assign(pen, PLAIN);
    else if (code === 1) pen.bold = true;
    else if (code === 2) pen.dim = true;
    else if (code === 3) pen.italic = true;
    else if (code === 4) pen.under = true;
    else if (code === 22) pen.bold = pen.dim = false;
    else if (code === 23) pen.italic = false;
    else if (code === 24) pen.under = false;
    else if (code === 39) pen.colour = "";
    else if (code >= 30 && code <= 37) pen.colour = COLOURS[code - 30]!;
    else if (code >= 90 && code <= 97) pen.colour = COLOURS[code - 90]!;
    else if (code === 38 || code === 48) {
      const used = codes[i + 1] === 5 ? 2 : codes[i + 1] === 2 ? 4 : 0;
      if (code === 38 && used === 2) pen.colour = of256(codes[i + 2] ?? 7);
      if (code === 38 && used === 4) pen.colour = nearest(codes[i + 2] ?? 0, codes[i + 3] ?? 0, codes[i + 4] ?? 0);
      i += used;
    }
  }
  return pen;
}

function of256(index: number): string {
  if (index < 16) return COLOURS[index & 7]!;
  if (index >= 232) return index < 244 ? "black" : "white";
  const cube = index - 16;
  return nearest(Math.floor(cube / 36) * 51, (Math.floor(cube / 6) % 6) * 51, (cube % 6) * 51);
}

function nearest(red: number, green: number, blue: number): string {
  const top = Math.max(red, green, blue);
  if (top < 64) return "black";
  const bit = (value: number) => (value > top * 0.6 ? 1 : 0);
  return COLOURS[bit(red) | (bit(green) << 1) | (bit(blue) << 2)]!;
}
