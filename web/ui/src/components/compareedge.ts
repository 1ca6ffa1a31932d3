/**
 * What stands in front of a comparison's lines: the one that is pointed at, the now edge, the rug of everyone's present
 * value, and the names of those in colour, moved apart.
 *
 * In: a canvas context in CSS pixels and a `View`. Out: ink.
 */
import { spread } from "../charts/compare";
import { printedMetric } from "../fleet/metrics";
import { heightOf, LEFT, LINES_UP_TO, PHONE_PX, seriesColour, TOP, type View } from "./compareink";

/** The line brought forward, the edge, the rug, and the names. */
export function paintFront(c: CanvasRenderingContext2D, view: View): void {
  const { colours, plotHeight, plotWidth, scene } = view;
  const { matrix, stats, coloured, hover, isLive } = scene;
  const edge = LEFT + plotWidth;
  if (hover >= 0 && hover < matrix.rows) {
    if (coloured.has(hover)) strokeRow(c, view, hover, colourOf(view, hover), 2.5);
    else strokeRow(c, view, hover, colours.t1, 1.75);
  }
  c.fillStyle = isLive ? colours.live : colours.t2;
  c.fillRect(edge, TOP - 6, 1, plotHeight + 6 + 80);
  // The rug: everyone's present value.
  c.fillStyle = colours["d-neutral"];
  c.globalAlpha = matrix.rows > LINES_UP_TO ? 0.25 : 0.7;
  stats.forEach((one, row) => {
    if (!Number.isNaN(one.now) && !coloured.has(row)) c.fillRect(edge + 2, heightOf(view, one.now) - 0.5, 7, 1);
  });
  c.globalAlpha = 1;
  paintNames(c, view, edge);
}

function paintNames(c: CanvasRenderingContext2D, view: View, edge: number): void {
  const { colours, metric, plotHeight, scene, top, width } = view;
  const { band, stats, hosts, coloured, hover, focus } = scene;
  const named = [...coloured.keys()].filter((row) => !Number.isNaN(stats[row]!.now));
  if (hover >= 0 && !coloured.has(hover) && stats[hover] && !Number.isNaN(stats[hover].now)) named.push(hover);
  const marks = named.map((row) => ({
    text: hosts[row]?.name ?? "",
    value: stats[row]!.now,
    colour: row === hover && !coloured.has(row) ? colours.t1 : colourOf(view, row),
    isBold: row === hover || focus.has(row),
    hasTick: true,
  }));
  const median = band.p50.at(-1)!;
  if (!Number.isNaN(median))
    marks.push({ text: "p50", value: median, colour: colours.t2, isBold: false, hasTick: false });
  const heights = spread(
    marks.map((mark) => heightOf(view, mark.value)),
    15,
    TOP + plotHeight + 8,
  );
  const isPhone = width < PHONE_PX;
  const end = width - (isPhone ? 4 : 12);
  c.textBaseline = "middle";
  marks.forEach((mark, i) => {
    const at = heightOf(view, mark.value);
    c.fillStyle = mark.colour;
    if (mark.hasTick) c.fillRect(edge + 2, at - 1, 10, 2);
    c.strokeStyle = colours.line2;
    c.beginPath();
    c.moveTo(edge + 13, at);
    c.lineTo(edge + 22, heights[i]!);
    c.stroke();
    c.font = mark.isBold ? colours.fontBold.replace("12px", "11px") : colours.font;
    const value = printedMetric(metric, mark.value);
    // The axis names the unit; a figure in another one says so.
    const figure = value.unit === printedMetric(metric, top).unit ? value.text : `${value.text} ${value.unit}`;
    c.textAlign = "right";
    c.fillStyle = colours.t1;
    if (!isPhone) c.fillText(figure, end, heights[i]!);
    const room = isPhone ? end - (edge + 26) : end - c.measureText(figure).width - 8 - (edge + 26);
    c.textAlign = "left";
    c.fillStyle = mark.colour;
    c.fillText(cut(c, mark.text, room), edge + 26, heights[i]!);
  });
}

/** A name for so much room. The end of a name tells hosts apart. */
function cut(c: CanvasRenderingContext2D, text: string, room: number): string {
  if (c.measureText(text).width <= room) return text;
  for (let from = 1; from < text.length; from++) {
    const short = `…${text.slice(from)}`;
    if (c.measureText(short).width <= room) return short;
  }
  return "…";
}

function colourOf(view: View, row: number): string {
  const number = view.scene.coloured.get(row);
  return number === undefined ? view.colours["d-neutral"] : seriesColour(view.colours, number);
}

function strokeRow(c: CanvasRenderingContext2D, view: View, row: number, colour: string, lineWidth: number): void {
  const { matrix } = view.scene;
  const values = matrix.row(row);
  const step = view.plotWidth / Math.max(1, matrix.columns - 1);
  c.beginPath();
  let pen = false;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (Number.isNaN(value)) {
      pen = false;
      continue;
    }
    if (pen) c.lineTo(LEFT + i * step, heightOf(view, value));
    else c.moveTo(LEFT + i * step, heightOf(view, value));
    pen = true;
  }
  c.strokeStyle = colour;
  c.lineWidth = lineWidth;
  c.lineJoin = "round";
  c.stroke();
}
