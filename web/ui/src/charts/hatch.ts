/**
 * The one pattern that means "no data": thin diagonals, made once a colour and scale.
 */

const made = new Map<string, CanvasPattern>();
const SIZE = 5;

export function hatch(c: CanvasRenderingContext2D, colour: string): CanvasPattern | string {
  const scale = devicePixelRatio;
  const key = `${colour} ${scale}`;
  let pattern = made.get(key);
  if (!pattern) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = Math.round(SIZE * scale);
    const t = tile.getContext("2d");
    if (!t) return colour;
    t.scale(tile.width / SIZE, tile.height / SIZE);
    t.strokeStyle = colour;
    t.lineWidth = 1;
    t.beginPath();
    for (const shift of [-SIZE, 0, SIZE]) {
      t.moveTo(shift - 1, SIZE + 1);
      t.lineTo(shift + SIZE + 1, -1);
    }
    t.stroke();
    const fresh = c.createPattern(tile, "repeat");
    if (!fresh) return colour;
    // The tile is in device pixels, the canvas is drawn in CSS pixels.
    fresh.setTransform(new DOMMatrix([SIZE / tile.width, 0, 0, SIZE / tile.height, 0, 0]));
    pattern = fresh;
    made.set(key, pattern);
  }
  return pattern;
}
