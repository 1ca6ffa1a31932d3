/**
 * Which strips a host's page shows, made from the series that the host has.
 *
 * In: a timeline, and facts about the host (cores). Out: strips in their order, each with its series, the shape in which
 * they are drawn, a top for the scale, and how a figure is printed. A strip without series does not appear; a device
 * that never does anything does not push a busy one out.
 */
import { byteRate, capacity, duration, percent, type Quantity, three } from "../format/units";
import type { Token } from "../theme/theme.svelte";
import { devicesIn } from "./iostat";
import type { Timeline } from "./timeline";

export type Shape = "stack" | "lines" | "mirror" | "bars";

export interface StripSeries {
  label: string;
  colour: Token;
  /** Metric with instance, as the API calls it; a sum names its pattern. */
  name: string;
  /** The values, one a row of the timeline. */
  values(timeline: Timeline): Float32Array;
  /** Of a mirror: this one is drawn downwards. */
  isDown?: boolean;
  /** How the value is printed, if it is another one than the strip draws (memory in GiB, drawn in per cent). */
  printed?: (timeline: Timeline, row: number) => Quantity;
}

export interface Strip {
  id: string;
  title: string;
  /** Below the title: the unit of the scale. */
  unit: string;
  shape: Shape;
  /** Share of the height. */
  weight: number;
  series: StripSeries[];
  /** A fixed top, or null: the top follows the data. */
  top: number | null;
  leastTop: number;
  /** A top that is never passed: more than all is a spike of a short sample, and drawn at the edge. */
  mostTop?: number;
  print(value: number): Quantity;
  /** The top of the scale; its unit, if it has one, takes the place of `unit`. */
  printTop(value: number): Quantity;
  /** The order of the legend, top down, where it is another than that of drawing. */
  legend?: readonly number[];
  /** Rows of the legend that are sums of what is drawn; they take the place of the series. */
  sums?: readonly { label: string; colour: Token; parts: readonly number[] }[];
  /** A dashed line, where a value means something (as many cores as there are). */
  mark?: number;
  /** Shown on a phone, too. */
  isEssential: boolean;
}

/** More lines than this are a thicket; the busiest are drawn. */
const LINES = 4;
const DEVICE_COLOURS: readonly Token[] = ["d-in", "t1", "d-neutral", "d-iowait"];

const isKnown = (value: number): boolean => !Number.isNaN(value);
const pct = (value: number): Quantity => ({ text: percent(value), unit: Number.isFinite(value) ? "%" : "" });
const plain = (value: number): Quantity => ({ text: three(value), unit: "" });
const whole = (value: number): Quantity => ({
  text: value >= 10 ? value.toFixed(0) : String(Number(value.toPrecision(2))),
  unit: "",
});
const rateTop = (value: number): Quantity => {
  const { text, unit } = byteRate(value);
  return { text: String(Number(text.replace(/,/g, ""))), unit };
};

function column(name: string): (timeline: Timeline) => Float32Array {
  return (timeline) => timeline.column(name) ?? new Float32Array(timeline.length).fill(Number.NaN);
}

function quotient(over: string, under: string): (timeline: Timeline) => Float32Array {
  return (timeline) => {
    const a = timeline.column(over);
    const b = timeline.column(under);
    const out = new Float32Array(timeline.length).fill(Number.NaN);
    if (a && b) for (let i = 0; i < out.length; i++) out[i] = (a[i]! / b[i]!) * 100;
    return out;
  };
}

/** A device's wait: printed where iostat has one for both directions, else weighted from reads and writes. */
function awaitOf(device: string): (timeline: Timeline) => Float32Array {
  const of = (field: string) => `disk.${field}[${device}]`;
  return (timeline) => {
    const both = timeline.column(of("await_ms"));
    const parts = ["read", "write"].map((word) => ({
      rate: timeline.column(of(`${word}s_per_s`)),
      wait: timeline.column(of(`${word}_await_ms`)),
    }));
    const out = new Float32Array(timeline.length).fill(Number.NaN);
    for (let i = 0; i < out.length; i++) {
      if (both && isKnown(both[i]!)) {
        out[i] = both[i]!;
        continue;
      }
      let requests = 0;
      let waited = 0;
      let known = false;
      for (const { rate, wait } of parts) {
        const r = rate?.[i] ?? Number.NaN;
        const w = wait?.[i] ?? Number.NaN;
        if (!isKnown(r)) continue;
        known = true;
        requests += r;
        if (isKnown(w)) waited += r * w;
      }
      if (known) out[i] = requests > 0 ? waited / requests : 0;
    }
    return out;
  };
}

export function stripsOf(timeline: Timeline, cores: number): Strip[] {
  const names = new Set(timeline.names());
  const has = (name: string) => names.has(name);
  const devices = busiest(timeline, devicesIn([...names]));
  const strips: Strip[] = [];
  const add = (strip: Strip) => {
    if (strip.series.length > 0) strips.push(strip);
  };
  const series = (label: string, colour: Token, name: string): StripSeries[] =>
    has(name) ? [{ label, colour, name, values: column(name) }] : [];
  const perDevice = (values: (device: string) => StripSeries["values"], field: string): StripSeries[] =>
    devices.map((device, i) => ({
      label: device,
      colour: DEVICE_COLOURS[i]!,
      name: `disk.${field}[${device}]`,
      values: values(device),
    }));
  const field = (name: string) => (device: string) => column(`disk.${name}[${device}]`);

  add({
    id: "cpu",
    title: "CPU",
    unit: "%",
    shape: "stack",
    weight: 1.5,
    series: [
      ...series("user", "d-user", "cpu.user_pct"),
      ...series("system", "d-system", "cpu.system_pct"),
      ...series("iowait", "d-iowait", "cpu.iowait_pct"),
      ...series("steal", "d-steal", "cpu.steal_pct"),
    ],
    top: 100,
    leastTop: 100,
    print: pct,
    printTop: whole,
    legend: [2, 1, 0, 3],
    isEssential: true,
  });
  add({
    id: "util",
    title: "Disk util",
    unit: "%",
    shape: "lines",
    weight: 1.1,
    series: perDevice(field("util_pct"), "util_pct"),
    top: 100,
    leastTop: 100,
    print: pct,
    printTop: whole,
    isEssential: true,
  });
  add({
    id: "await",
    title: "await",
    unit: "ms",
    shape: "lines",
    weight: 1,
    series: perDevice(awaitOf, "await_ms"),
    top: null,
    leastTop: 5,
    print: duration,
    printTop: whole,
    isEssential: true,
  });
  add({
    id: "queue",
    title: "queue",
    unit: "depth",
    shape: "lines",
    weight: 0.8,
    series: perDevice(field("queue_depth"), "queue_depth"),
    top: null,
    leastTop: 1,
    print: plain,
    printTop: whole,
    isEssential: false,
  });
  const physical = realDevices(devicesIn([...names]));
  const io = (word: string) => physical.map((device) => [device, `disk.${word}_bytes_per_s[${device}]`] as const);
  add({
    id: "io",
    title: "Disk I/O",
    unit: "",
    shape: "mirror",
    weight: 1.1,
    ...mirrored(["↑ read", "d-in", io("read")], ["↓ write", "d-out", io("write")], has),
    top: null,
    leastTop: 1e5,
    print: byteRate,
    printTop: rateTop,
    isEssential: true,
  });
  const used = has("memory.used_pct") || has("memory.used_bytes");
  add({
    id: "memory",
    title: "Memory",
    unit: "%",
    shape: "stack",
    weight: 0.7,
    series: used
      ? [
          {
            label: "used",
            colour: "d-faint",
            name: "memory.used_pct",
            values: has("memory.used_pct")
              ? column("memory.used_pct")
              : quotient("memory.used_bytes", "memory.total_bytes"),
            printed: (line, row) => capacity(line.value("memory.used_bytes", row)),
          },
          ...(has("memory.cached_bytes")
            ? [
                {
                  label: "cached",
                  colour: "bg2" as Token,
                  name: "memory.cached_bytes",
                  values: quotient("memory.cached_bytes", "memory.total_bytes"),
                  printed: (line: Timeline, row: number) => capacity(line.value("memory.cached_bytes", row)),
                },
              ]
            : []),
        ]
      : [],
    top: 100,
    leastTop: 100,
    print: pct,
    printTop: whole,
    isEssential: false,
  });
  add({
    id: "pressure",
    title: "Pressure",
    unit: "% stalled",
    shape: "lines",
    weight: 0.7,
    series: [
      ...series("cpu", "d-user", "pressure.cpu_some_pct"),
      ...series("io", "d-iowait", "pressure.io_some_pct"),
      ...series("memory", "d-steal", "pressure.memory_some_pct"),
    ],
    top: null,
    leastTop: 10,
    mostTop: 100,
    print: pct,
    printTop: whole,
    isEssential: false,
  });
  const interfaces = realInterfaces([...names]);
  const net = (word: string) => interfaces.map((name) => [name, `net.${word}_bytes_per_s[${name}]`] as const);
  add({
    id: "network",
    title: "Network",
    unit: "",
    shape: "mirror",
    weight: 0.9,
    ...mirrored(["↑ in", "d-in", net("rx")], ["↓ out", "d-out", net("tx")], has),
    top: null,
    leastTop: 1e5,
    print: byteRate,
    printTop: rateTop,
    isEssential: false,
  });
  add({
    id: "load",
    title: "Load",
    unit: "1 min",
    shape: "lines",
    weight: 0.65,
    series: series(cores > 0 ? `of ${cores} core${cores === 1 ? "" : "s"}` : "1 min", "t2", "load.1m"),
    top: null,
    leastTop: cores > 0 ? cores * 1.5 : 1,
    print: plain,
    printTop: whole,
    ...(cores > 0 ? { mark: cores } : {}),
    isEssential: false,
  });
  return strips;
}

type Half = [label: string, colour: Token, parts: (readonly [instance: string, name: string])[]];

/** What comes in, upwards, and what goes out, downwards: one area a device on each side, their sums in the legend. */
function mirrored(up: Half, down: Half, has: (name: string) => boolean): Pick<Strip, "series" | "sums"> {
  const series: StripSeries[] = [];
  const sums: { label: string; colour: Token; parts: number[] }[] = [];
  for (const [label, colour, all] of [up, down]) {
    const parts: number[] = [];
    for (const [instance, name] of all) {
      if (!has(name)) continue;
      parts.push(series.length);
      series.push({ label: instance, colour, name, values: column(name), isDown: label === down[0] });
    }
    sums.push({ label, colour, parts });
  }
  return { series, sums };
}

/** Devices that stand for hardware: what is built on others would count their bytes twice. */
export function realDevices(devices: readonly string[]): string[] {
  const real = devices.filter((device) => !/^(?:dm-|md|loop|ram|zram|sr|bcache)\d|^fd\d/.test(device));
  return real.length > 0 ? real : [...devices];
}

function realInterfaces(names: readonly string[]): string[] {
  const all = new Set<string>();
  for (const name of names) {
    const found = /^net\.[a-z0-9_]+\[(.+)\]$/.exec(name)?.[1];
    if (found !== undefined) all.add(found);
  }
  const real = [...all].filter(
    (name) => !/^(?:lo|veth|docker|br-|virbr|cni|flannel|cali|dummy|ifb|bond|vlan|tun|tap|wg)/.test(name),
  );
  return real.length > 0 ? real : [...all].filter((name) => name !== "lo");
}

/** At most four devices: those that were busiest in what is kept, in the order of iostat. */
function busiest(timeline: Timeline, devices: readonly string[]): string[] {
  if (devices.length <= LINES) return [...devices];
  const peak = new Map(
    devices.map((device) => {
      let most = 0;
      for (const value of timeline.column(`disk.util_pct[${device}]`) ?? []) if (value > most) most = value;
      return [device, most];
    }),
  );
  const chosen = new Set([...devices].sort((a, b) => peak.get(b)! - peak.get(a)!).slice(0, LINES));
  return devices.filter((device) => chosen.has(device));
}

/** The sum of some columns at a row; NaN only where all are. */
export function sumAt(columns: readonly Float32Array[], parts: readonly number[], row: number): number {
  let sum = Number.NaN;
  for (const part of parts) {
    const value = columns[part]?.[row] ?? Number.NaN;
    if (isKnown(value)) sum = (isKnown(sum) ? sum : 0) + value;
  }
  return sum;
}

/** Which series each one stands on: the one before it on its side; null: on the ground. */
export function standsOn(shape: Shape, series: readonly Pick<StripSeries, "isDown">[]): (number | null)[] {
  return series.map((one, i) => {
    if (shape === "lines") return null;
    const before = i > 0 && (series[i - 1]!.isDown ?? false) === (one.isDown ?? false);
    return before ? i - 1 : null;
  });
}

/** Values as they are drawn: laid up on what they stand on, one side of a mirror turned down. */
export function laid(
  shape: Shape,
  columns: readonly Float32Array[],
  series: readonly Pick<StripSeries, "isDown">[] = columns.map(() => ({})),
): Float32Array[] {
  if (shape === "lines") return [...columns];
  const on = standsOn(shape, series);
  const out: Float32Array[] = [];
  columns.forEach((values, k) => {
    const below = on[k] === null ? null : out[on[k]!]!;
    const sign = series[k]?.isDown ? -1 : 1;
    out.push(
      values.map((value, i) => {
        const base = below ? below[i]! : 0;
        // A part that is missing stands on nothing; a row that is missing stays missing.
        if (!isKnown(value)) return below ? base : Number.NaN;
        return (isKnown(base) ? base : 0) + sign * value;
      }),
    );
  });
  return out;
}
