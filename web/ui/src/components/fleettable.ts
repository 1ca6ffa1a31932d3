/**
 * The fleet's pictures as tables: what `v` shows, and what is copied or taken along as CSV.
 *
 * In: hosts in their order, and the store. Out: a `Values` table; moments in its heads are numbers, in ms.
 */
import type { Host } from "../fleet/hosts.svelte";
import type { FleetMetric } from "../fleet/metrics";
import type { SortKey } from "../fleet/sorts";
import type { HostState } from "../protocol/messages";
import type { Values } from "./values";

/** What is read of the store. */
export interface Steps {
  step_ms: number;
  value: (slot: number, field: number, step: number) => number;
}

const known = (value: number): number | null => (Number.isNaN(value) ? null : value);

/** A row a host, a column a step, the newest first. */
export function stepsTable(
  hosts: readonly Pick<Host, "name" | "slot">[],
  metric: FleetMetric,
  columns: Steps,
  edge: number,
  count: number,
): Values {
  const steps = Array.from({ length: count }, (_, i) => edge - i);
  return {
    title: `${metric.title} of ${hosts.length} ${hosts.length === 1 ? "host" : "hosts"}`,
    columns: ["host", ...steps.map((step) => step * columns.step_ms)],
    rows: hosts.map((host) => [host.name, ...steps.map((step) => known(columns.value(host.slot, metric.field, step)))]),
    note: "newest at the left",
  };
}

/** A row a host, a column a figure: the fleet's table as numbers in their base units. */
export function figuresTable(
  hosts: readonly Host[],
  figures: readonly SortKey[],
  read: { figure: (host: Host, field: number) => number; disk: (host: Host) => string; now_ms: number },
): Values {
  const shown = figures.filter((one) => one.field >= 0);
  return {
    title: `${hosts.length} ${hosts.length === 1 ? "host" : "hosts"}`,
    columns: ["host", "state", "age s", "labels", ...shown.map((one) => one.title), "busiest disk"],
    rows: hosts.map((host) => {
      const state: HostState = host.shown(read.now_ms);
      return [
        host.name,
        state,
        known(Math.round(host.age(read.now_ms) / 100) / 10),
        Object.entries(host.labels)
          .map(([key, value]) => `${key}=${value}`)
          .join(" "),
        ...shown.map((one) => known(read.figure(host, one.field))),
        read.disk(host),
      ];
    }),
    note: "lost hosts with their last figures",
  };
}
