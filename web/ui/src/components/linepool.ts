/**
 * The nodes of a log pane: as many rows as fit, used over and over.
 *
 * A row is a handful of cells whose text is set only if it differs; a message with colours or hits becomes text nodes
 * in spans. Rows are placed by transform on a fixed grid, so that nothing is measured and nothing else is laid out.
 */
import type { Piece } from "../logs/render";

export const ROW_PX = 20;

export type Cell = "time" | "host" | "file" | "level" | "text";

/** What one row of the pane shows. */
export interface Shown {
  /** Equal keys look equal: the row is not touched. */
  key: string;
  kind: "line" | "part" | "detail" | "gap";
  className: string;
  time: string;
  host: string;
  hostColour: string;
  file: string;
  level: string;
  pieces: readonly Piece[];
  /** Data attributes for tests and for events. */
  data: Record<string, string>;
  /** A word at the end of the message that opens it. */
  fold: string;
  /** The word on a gap's button. */
  action: string;
  title: string;
  /** What a hover over the time says. */
  timeTitle: string;
}

class Row {
  readonly element = document.createElement("div");
  index = -1;
  #key = "";
  #top = Number.NaN;
  readonly #cells: Record<Cell, HTMLElement>;

  constructor() {
    const cell = (name: string): HTMLElement => {
      const node = document.createElement("span");
      node.className = name;
      this.element.append(node);
      return node;
    };
    this.#cells = { time: cell("t"), host: cell("ho"), file: cell("fi"), level: cell("lv"), text: cell("ms") };
  }

  place(top: number): void {
    if (this.#top === top) return;
    this.#top = top;
    this.element.style.transform = `translateY(${top}px)`;
  }

  hide(): void {
    if (this.#key === "") return;
    this.#key = "";
    this.index = -1;
    this.element.hidden = true;
    // A node that waits is no line: neither for tests nor for anyone who counts.
    for (const name of Object.keys(this.element.dataset)) delete this.element.dataset[name];
  }

  show(index: number, shown: Shown): void {
    this.index = index;
    if (this.#key === shown.key) return;
    if (this.#key === "") this.element.hidden = false;
    this.#key = shown.key;
    const { element } = this;
    if (element.className !== shown.className) element.className = shown.className;
    for (const name of Object.keys(element.dataset)) if (!(name in shown.data)) delete element.dataset[name];
    for (const [name, value] of Object.entries(shown.data))
      if (element.dataset[name] !== value) element.dataset[name] = value;
    setText(this.#cells.time, shown.time);
    setText(this.#cells.host, shown.host);
    if (this.#cells.host.style.color !== shown.hostColour) this.#cells.host.style.color = shown.hostColour;
    setText(this.#cells.file, shown.file);
    setText(this.#cells.level, shown.level);
    if (this.#cells.time.title !== shown.timeTitle) this.#cells.time.title = shown.timeTitle;
    if (this.#cells.file.title !== shown.title) this.#cells.file.title = shown.title;
    this.#setPieces(shown);
  }

  #setPieces(shown: Shown): void {
    const { text } = this.#cells;
    const only = shown.pieces.length === 1 ? shown.pieces[0] : undefined;
    if (only && only.style === "" && !only.mark && !shown.fold && !shown.action) {
      if (text.childNodes.length === 1 && text.firstChild instanceof Text) {
        if (text.firstChild.data !== only.text) text.firstChild.data = only.text;
      } else text.textContent = only.text;
      return;
    }
    const nodes: Node[] = shown.pieces.map((piece) => {
      if (!piece.style && !piece.mark) return document.createTextNode(piece.text);
      const node = document.createElement(piece.mark ? "mark" : "span");
      if (piece.style) node.className = piece.style;
      node.textContent = piece.text;
      return node;
    });
    if (shown.fold) nodes.push(button("fold", shown.fold));
    if (shown.action) nodes.push(button("fill", shown.action));
    text.replaceChildren(...nodes);
  }
}

function button(className: string, text: string): HTMLButtonElement {
  const node = document.createElement("button");
  node.type = "button";
  node.className = className;
  node.textContent = text;
  return node;
}

function setText(node: HTMLElement, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

export class LinePool {
  #rows: Row[] = [];
  #gone = 0;

  constructor(private readonly layer: HTMLElement) {}

  /** Show the items from `first` on, as many as `count`; `gone`: so many items before them have been taken out so far. */
  draw(first: number, count: number, gone: number, shownAt: (index: number) => Shown): void {
    while (this.#rows.length < count) {
      const row = new Row();
      this.#rows.push(row);
      this.layer.append(row.element);
    }
    // A row stays with its item while it scrolls, and while old ones go: the item's number decides which node shows it.
    const size = this.#rows.length;
    const used = new Uint8Array(size);
    for (let i = first; i < first + count; i++) {
      const slot = (gone + i) % size;
      const row = this.#rows[slot]!;
      used[slot] = 1;
      row.show(i, shownAt(i));
      row.place((gone + i) * ROW_PX);
    }
    if (this.#gone !== gone) {
      this.#gone = gone;
      this.layer.style.transform = `translateY(${-gone * ROW_PX}px)`;
    }
    for (let slot = 0; slot < size; slot++) if (!used[slot]) this.#rows[slot]!.hide();
  }

  indexOf(node: Element): number {
    const element = node.closest<HTMLElement>("[data-row]");
    return element ? (this.#rows.find((row) => row.element === element)?.index ?? -1) : -1;
  }
}
