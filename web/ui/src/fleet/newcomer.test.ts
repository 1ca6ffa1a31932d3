import { describe, expect, test } from "vitest";
import { enrollCommand, forgetCommand, typed } from "./newcomer";

describe("what is typed of a machine to add", () => {
  test("labels and globs are words, and the time to live is as chosen", () => {
    expect(typed("  role=db   note=a=b ", "/var/log/*.log /x", "15m")).toEqual({
      wish: { labels: { role: "db", note: "a=b" }, ttl: "15m", tail: ["/var/log/*.log", "/x"] },
      wrong: "",
    });
    expect(typed("", "", "1h").wish).toEqual({ labels: {}, ttl: "1h", tail: [] });
  });

  test("what is none is left out, and the first of it is named", () => {
    const found = typed("role=db dc= ro/le=x", "app.log", "1h");
    expect(found.wish).toEqual({ labels: { role: "db" }, ttl: "1h", tail: [] });
    expect(found.wrong).toContain("dc= is left out");
    expect(typed("", "app.log", "1h").wrong).toContain("from the root");
  });
});

describe("the same on the hub's machine", () => {
  test("what a shell would touch is quoted, and an hour needs no saying", () => {
    expect(enrollCommand({ labels: {}, ttl: "1h", tail: [] })).toBe("fleetglass-hub enroll");
    expect(enrollCommand({ labels: { role: "db" }, ttl: "1d", tail: ["/var/log/*.log"] })).toBe(
      "fleetglass-hub enroll --label role=db --ttl 1d --tail '/var/log/*.log'",
    );
    expect(forgetCommand("it's web 1")).toBe("fleetglass-hub forget 'it'\\''s web 1'");
  });
});
