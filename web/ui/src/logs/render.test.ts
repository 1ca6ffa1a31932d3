import { expect, it } from "vitest";
import { Marker } from "./pattern";
import { pieces } from "./render";

it("lays marks over colours", () => {
  expect(pieces("\x1b[31mtime\x1b[0mout now", new Marker("timeout"))).toEqual([
    { text: "time", style: "a-red", mark: true },
    { text: "out", style: "", mark: true },
    { text: " now", style: "", mark: false },
  ]);
});

it("colours the keys of JSON", () => {
  expect(pieces('{"a":1}', new Marker(""))).toEqual([
    { text: "{", style: "", mark: false },
    { text: '"a"', style: "a-key", mark: false },
    { text: ":1}", style: "", mark: false },
  ]);
});

it("gives back all text, whatever overlaps", () => {
  const text = 'x {"timeout":"timeout"}';
  expect(
    pieces(text, new Marker("time|out|t"))
      .map((piece) => piece.text)
      .join(""),
  ).toBe(text);
});
