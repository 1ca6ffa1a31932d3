import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const css = readFileSync(new URL("./tokens.css", import.meta.url), "utf8");

function theme(name: string): Record<string, string> {
  const block = css.split(`[data-theme="${name}"]`)[1]?.split("}")[0] ?? "";
  return Object.fromEntries(
    [...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})\b/g)].map((found) => [found[1]!, found[2]!]),
  );
}

function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

describe.each(["dark", "light"])("the %s theme", (name) => {
  const tokens = theme(name);
  const at = (token: string): string => tokens[token] ?? expect.fail(`there is no --${token}`);

  test.each(["t1", "t2", "t3", "live", "late", "lost", "link", "warn", "err", "crit", "info"])(
    "%s can be read on every ground it stands on",
    (token) => {
      for (const ground of ["bg0", "bg1", "bg2"])
        expect(contrast(at(token), at(ground)), `${token} on ${ground}`).toBeGreaterThanOrEqual(4.5);
    },
  );

  test("what is written on a selected row, a banner or a match can be read", () => {
    for (const [text, ground] of [
      ["t1", "sel"],
      ["t2", "sel"],
      ["t1", "err-bg"],
      ["t2", "err-bg"],
      ["lost", "err-bg"],
      ["t1", "warn-bg"],
      ["late", "warn-bg"],
      ["mark-t", "mark"],
      ["t1", "bg3"],
      ["t2", "bg3"],
    ] as const)
      expect(contrast(at(text), at(ground)), `${text} on ${ground}`).toBeGreaterThanOrEqual(4.5);
  });

  test("the border of a field is seen", () => {
    for (const ground of ["bg0", "bg1"]) expect(contrast(at("edge"), at(ground))).toBeGreaterThanOrEqual(3);
  });

  test("the colours of a comparison and of hosts' names can be read", () => {
    for (let i = 1; i <= 8; i++) {
      if (i <= 5) expect(contrast(at(`c${i}`), at("bg0"))).toBeGreaterThanOrEqual(4.5);
      expect(contrast(at(`k${i}`), at("bg0"))).toBeGreaterThanOrEqual(5.2);
    }
  });
});
