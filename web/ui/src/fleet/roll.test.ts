import { expect, test } from "vitest";
import type { HostMap } from "../protocol/messages";
import { roll } from "./roll";

const host = (name: string, map: Partial<HostMap>) => ({
  name,
  map: {
    state: "live",
    problems: [],
    clock_offset_ms: 0,
    lag_ms: 5,
    streams: 1,
    address: "",
    agent_version: "",
    ...map,
  } as HostMap,
});
const names = (hosts: { name: string }[]): string[] => hosts.map((one) => one.name);

test("trouble stands first: lost, late, then clocks and sources that are wrong", () => {
  const all = [
    host("b", {}),
    host("a", {}),
    host("off", { clock_offset_ms: -1_840 }),
    host("gone", { state: "left" }),
    host("late", { state: "late" }),
    host("lost", { state: "lost" }),
    host("blind", { problems: ["iostat is missing"] }),
  ];
  expect(names(roll(all, "state", false, () => 0))).toEqual(["lost", "late", "blind", "off", "a", "b", "gone"]);
});

test("a figure that is not known stands last, either way", () => {
  const all = [host("a", { lag_ms: Number.NaN }), host("b", { lag_ms: 1 }), host("c", { lag_ms: 9 })];
  expect(names(roll(all, "lag", true, () => 0))).toEqual(["c", "b", "a"]);
  expect(names(roll(all, "lag", false, () => 0))).toEqual(["b", "c", "a"]);
});
