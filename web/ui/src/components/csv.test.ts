import { expect, test } from "vitest";
import { csv } from "./csv";

test("cells are quoted where they must be, unknown is empty, and a formula is no formula", () => {
  expect(
    csv([
      ["host", "x"],
      ['a "b", c', 1.5],
      ["=cmd()", Number.NaN],
      ["line\nbreak", null],
    ]),
  ).toBe('host,x\r\n"a ""b"", c",1.5\r\n\'=cmd(),\r\n"line\nbreak",\r\n');
});
