/**
 * What the fleet's pages show of a host: some fifteen figures, each made from the host's own series.
 *
 * A host has a value a disk and an interface; a row of the fleet has room for one: the busiest disk, the sum of the
 * bytes. Which series feed which figure is found once a schema (`plan`), then `apply` runs down a sample without looking
 * at a name again.
 *
 * In: the series of a schema, and the values of one sample in their order. Out: one Float32Array a host, NaN where the
 * host does not measure it.
 */

export const FIELDS = [
  "user",
  "system",
  "iowait",
  "steal",
  "busy",
  "load",
  "memory",
  "util",
  "await",
  "disk", // which disk the two before speak of: an index into `Plan.disks`
  "read",
  "write",
  "rx",
  "tx",
  "lines",
  "errors",
  "uptime",
] as const;
export type Field = (typeof FIELDS)[number];

/** Position of each figure in a host's array. */
export const F = Object.fromEntries(FIELDS.map((field, at) => [field, at])) as Record<Field, number>;
export const FIELD_COUNT = FIELDS.length;

/** What to ask the hub for. A metric without brackets is every instance of it. */
export const FLEET_SERIES: readonly string[] = [
  "cpu.user_pct",
  "cpu.nice_pct",
  "cpu.system_pct",
  "cpu.iowait_pct",
  "cpu.steal_pct",
  "cpu.idle_pct",
  "load.1m",
  "memory.used_pct",
  "disk.util_pct",
  "disk.await_ms",
  "disk.read_await_ms",
  "disk.write_await_ms",
  "disk.read_bytes_per_s",
  "disk.write_bytes_per_s",
  "net.rx_bytes_per_s",
  "net.tx_bytes_per_s",
  "log.lines_per_s",
  "log.errors_per_s",
  "system.uptime_s",
];

/** The series behind the columns that have a picture; enough for the past of a fleet too large to send whole. */
export const CPU_SERIES: readonly string[] = FLEET_SERIES.slice(0, 6);

/** The series that a figure is made of, where not every figure is asked for. */
export const FEEDS: Record<Field, readonly string[]> = {
  user: ["cpu.user_pct", "cpu.nice_pct"],
  system: ["cpu.system_pct"],
  iowait: ["cpu.iowait_pct"],
  steal: ["cpu.steal_pct"],
  busy: ["cpu.idle_pct"],
  load: ["load.1m"],
  memory: ["memory.used_pct"],
  util: ["disk.util_pct"],
  await: ["disk.util_pct", "disk.await_ms", "disk.read_await_ms", "disk.write_await_ms"],
  disk: ["disk.util_pct"],
  read: ["disk.read_bytes_per_s"],
  write: ["disk.write_bytes_per_s"],
  rx: ["net.rx_bytes_per_s"],
  tx: ["net.tx_bytes_per_s"],
  lines: ["log.lines_per_s"],
  errors: ["log.errors_per_s"],
  uptime: ["system.uptime_s"],
};

interface Disk {
  name: string;
  util: number;
  await: number;
  readAwait: number;
  writeAwait: number;
  read: number;
  write: number;
  /** A disk that only passes on to others (LVM, software RAID): its bytes are counted there already. */
  stacked: boolean;
}

/** Where each figure comes from, for one schema. -1: it is not measured. */
export interface Plan {
  user: number;
  nice: number;
  system: number;
  iowait: number;
  steal: number;
  idle: number;
  load: number;
  memory: number;
  disks: Disk[];
  rx: number[];
  tx: number[];
  lines: number[];
  errors: number[];
  uptime: number;
}

const STACKED_DISK = /^(dm-|md\d|bcache|drbd)/;
const NO_DISK = /^(loop|ram|zram|sr\d|fd\d)/;
// Bridges, bonds, VLANs and tunnels carry again what a card below them carried.
const STACKED_INTERFACE = /^(lo$|bond|team|br|docker|virbr|cni|flannel|wg|tun|vmnet|vlan)|\./;

export function plan(series: readonly string[]): Plan {
  const at = new Map(series.map((name, position) => [name, position]));
  const one = (name: string): number => at.get(name) ?? -1;
  const disks = new Map<string, Disk>();
  const found: Plan = {
    user: one("cpu.user_pct"),
    nice: one("cpu.nice_pct"),
    system: one("cpu.system_pct"),
    iowait: one("cpu.iowait_pct"),
    steal: one("cpu.steal_pct"),
    idle: one("cpu.idle_pct"),
    load: one("load.1m"),
    memory: one("memory.used_pct"),
    disks: [],
    rx: [],
    tx: [],
    lines: [],
    errors: [],
    uptime: one("system.uptime_s"),
  };
  series.forEach((name, position) => {
    const bracket = name.indexOf("[");
    const metric = bracket < 0 ? name : name.slice(0, bracket);
    const instance = bracket < 0 ? "" : name.slice(bracket + 1, -1);
    if (metric === "net.rx_bytes_per_s" && !STACKED_INTERFACE.test(instance)) found.rx.push(position);
    else if (metric === "net.tx_bytes_per_s" && !STACKED_INTERFACE.test(instance)) found.tx.push(position);
    else if (metric === "log.lines_per_s") found.lines.push(position);
    else if (metric === "log.errors_per_s") found.errors.push(position);
    else if (metric.startsWith("disk.") && bracket >= 0 && !NO_DISK.test(instance) && !disks.has(instance)) {
      disks.set(instance, {
        name: instance,
        util: one(`disk.util_pct[${instance}]`),
        await: one(`disk.await_ms[${instance}]`),
        readAwait: one(`disk.read_await_ms[${instance}]`),
        writeAwait: one(`disk.write_await_ms[${instance}]`),
        read: one(`disk.read_bytes_per_s[${instance}]`),
        write: one(`disk.write_bytes_per_s[${instance}]`),
        stacked: STACKED_DISK.test(instance),
      });
    }
  });
  found.disks = [...disks.values()];
  return found;
}

/** Turn one sample into a host's figures. `values` from `start` on are in the order of the plan's schema. */
export function apply(from: Plan, values: Float32Array, start: number, into: Float32Array): void {
  const value = (position: number): number => (position < 0 ? Number.NaN : (values[start + position] ?? Number.NaN));
  const user = value(from.user);
  const nice = value(from.nice);
  const system = value(from.system);
  const iowait = value(from.iowait);
  const steal = value(from.steal);
  const idle = value(from.idle);
  into[F.user] = Number.isNaN(nice) ? user : user + nice;
  into[F.system] = system;
  into[F.iowait] = iowait;
  into[F.steal] = steal;
  // macOS and BSD know no iowait: what is not idle is busy, whatever the parts are.
  into[F.busy] = Number.isNaN(idle)
    ? user + (nice || 0) + system + (iowait || 0) + (steal || 0)
    : Math.max(0, 100 - idle);
  into[F.load] = value(from.load);
  into[F.memory] = value(from.memory);
  into[F.rx] = sum(from.rx, values, start);
  into[F.tx] = sum(from.tx, values, start);
  into[F.lines] = sum(from.lines, values, start);
  into[F.uptime] = value(from.uptime);
  into[F.errors] = sum(from.errors, values, start);

  let busiest = -1;
  let util = Number.NaN;
  let read = Number.NaN;
  let write = Number.NaN;
  for (let i = 0; i < from.disks.length; i++) {
    const disk = from.disks[i]!;
    const its = value(disk.util);
    if (its > util || (Number.isNaN(util) && !Number.isNaN(its))) {
      util = its;
      busiest = i;
    }
    if (disk.stacked && from.disks.some((other) => !other.stacked)) continue;
    read = plus(read, value(disk.read));
    write = plus(write, value(disk.write));
  }
  const disk = from.disks[busiest];
  into[F.util] = util;
  into[F.disk] = busiest;
  into[F.await] = disk ? waited(value(disk.await), value(disk.readAwait), value(disk.writeAwait)) : Number.NaN;
  into[F.read] = read;
  into[F.write] = write;
}

/** `iostat -x` of newer releases prints no common await: the slower of the two directions stands for it. */
function waited(both: number, read: number, write: number): number {
  if (!Number.isNaN(both)) return both;
  if (Number.isNaN(read)) return write;
  return Number.isNaN(write) ? read : Math.max(read, write);
}

const plus = (sofar: number, value: number): number =>
  Number.isNaN(value) ? sofar : Number.isNaN(sofar) ? value : sofar + value;

function sum(positions: readonly number[], values: Float32Array, start: number): number {
  let total = Number.NaN;
  for (const position of positions) total = plus(total, values[start + position] ?? Number.NaN);
  return total;
}
