/**
 * Pixels of small pictures that change each second: written into one array and put on a canvas in one call.
 *
 * Hundreds of sparklines of 120 one-pixel columns are too many rectangles for a canvas, and nothing for an array.
 * Sizes are in device pixels. Colours are packed as the canvas stores them (R in the lowest byte); 0 is transparent.
 */

/** `#3fcfb4` as a packed pixel; `grey` 0..1 takes the colour out, not the lightness. */
export function packed(hex: string, grey = 0): number {
  const value = Number.parseInt(hex.slice(1, 7), 16);
  let [r, g, b] = [(value >> 16) & 255, (value >> 8) & 255, value & 255];
  if (grey > 0) {
    const light = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    [r, g, b] = [r, g, b].map((part) => Math.round(part + (light - part) * grey)) as [number, number, number];
  }
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

// Diagonal lines of hatching, this many device pixels apart (times the pixel ratio).
const HATCH_GAP = 5;
// From this width on an array's own fill is faster than a loop.
const FILL_FROM = 32;

export class Raster {
  width = 0;
  height = 0;
  #image: ImageData | null = null;
  #pixels = new Uint32Array(0);

  /** Size it; what was drawn is gone. */
  resize(width: number, height: number): void {
    const w = Math.max(1, Math.round(width));
    const h = Math.max(1, Math.round(height));
    if (w === this.width && h === this.height) {
      this.#pixels.fill(0);
      return;
    }
    this.width = w;
    this.height = h;
    this.#image = new ImageData(w, h);
    this.#pixels = new Uint32Array(this.#image.data.buffer);
  }

  /** Fill a rectangle; half-open, cut to the picture. */
  fill(x0: number, y0: number, x1: number, y1: number, colour: number): void {
    const { width } = this;
    const pixels = this.#pixels;
    const left = Math.max(0, x0);
    const right = Math.min(width, x1);
    const bottom = Math.min(this.height, y1);
    for (let y = Math.max(0, y0); y < bottom; y++) {
      const end = y * width + right;
      // A heatmap has 150,000 cells of a few pixels: written one by one they take 8 ms, by the array's own fill 33.
      if (right - left > FILL_FROM) pixels.fill(colour, y * width + left, end);
      else for (let at = y * width + left; at < end; at++) pixels[at] = colour;
    }
  }

  /** Fill one pixel column from `y0` to `y1`, half-open; inside the picture. The hot path of every sparkline. */
  column(x: number, y0: number, y1: number, colour: number): void {
    const { width } = this;
    const pixels = this.#pixels;
    for (let at = y0 * width + x, end = y1 * width + x; at < end; at += width) pixels[at] = colour;
  }

  /** Hatch a rectangle: no data. Lines run on between neighbours. */
  hatch(x0: number, y0: number, x1: number, y1: number, colour: number, ratio = 1): void {
    const gap = Math.round(HATCH_GAP * ratio);
    const thick = Math.max(1, Math.round(ratio));
    const { width } = this;
    const pixels = this.#pixels;
    const left = Math.max(0, x0);
    const right = Math.min(width, x1);
    const bottom = Math.min(this.height, y1);
    for (let y = Math.max(0, y0); y < bottom; y++) {
      let phase = (left + y) % gap;
      for (let at = y * width + left, end = y * width + right; at < end; at++) {
        if (phase < thick) pixels[at] = colour;
        phase = phase + 1 === gap ? 0 : phase + 1;
      }
    }
  }

  /** What stands at a place; 0: nothing. */
  pixel(x: number, y: number): number {
    return this.#pixels[y * this.width + x] ?? 0;
  }

  put(canvas: HTMLCanvasElement): void {
    if (!this.#image) return;
    if (canvas.width !== this.width) canvas.width = this.width;
    if (canvas.height !== this.height) canvas.height = this.height;
    canvas.getContext("2d")?.putImageData(this.#image, 0, 0);
  }
}

export interface StackColours {
  parts: readonly number[];
  base: number;
  hatch: number;
}

/** Value of part `part` in column `column`; NaN: not measured. */
export type PartAt = (part: number, column: number) => number;
/** What a column without values is: a hole in the data, or not due yet. */
export type HoleAt = (column: number) => boolean;

/**
 * Draw stacked columns on a scale of 0 to 100.
 *
 * Where several columns fall on one pixel, the one with the largest sum is shown: a spike of one second must survive.
 */
export function stack(
  raster: Raster,
  box: { x: number; y: number; width: number; height: number },
  columns: number,
  at: PartAt,
  hole: HoleAt,
  colours: StackColours,
  ratio: number,
): void {
  const { x, y, width, height } = box;
  const bottom = y + height;
  const parts = colours.parts.length;
  // A picture that is not wholly on the canvas is not drawn: rows out of view have none.
  if (x < 0 || y < 0 || x + width > raster.width || bottom > raster.height) return;
  for (let px = 0; px < width; px++) {
    const first = Math.floor((px * columns) / width);
    const end = Math.max(first + 1, Math.floor(((px + 1) * columns) / width));
    let best = first;
    if (end - first > 1) {
      let most = -1;
      for (let column = first; column < end; column++) {
        let total = -1;
        for (let part = 0; part < parts; part++) {
          const value = at(part, column);
          if (value >= 0) total += value;
        }
        if (total > most) {
          most = total;
          best = column;
        }
      }
    }
    let reached = 0;
    let low = bottom;
    let known = false;
    for (let part = 0; part < parts; part++) {
      const value = at(part, best);
      if (!(value >= 0)) continue;
      known = true;
      reached = Math.min(100, reached + value);
      const high = bottom - Math.round((reached / 100) * height);
      if (high < low) raster.column(x + px, high, low, colours.parts[part]!);
      low = high;
    }
    if (!known && hole(best)) raster.hatch(x + px, y, x + px + 1, bottom, colours.hatch, ratio);
  }
  raster.fill(x, bottom - Math.max(1, Math.round(ratio)), x + width, bottom, colours.base);
}
