import { describe, expect, it } from "vitest";
import { levelOf } from "./levels";

describe("the level of a line", () => {
  it.each([
    ["2026-03-01 12:03:11 UTC [18207] ERROR:  canceling statement due to statement timeout", "error", "ERROR"],
    ["2026-03-01 12:03:11 UTC [18207] LOG:  checkpoint starting: wal", "other", "LOG"],
    ['{"ts":1,"level":"warn","msg":"slow query, ERROR inside"}', "warn", "WARN"],
    ['{"level":50,"msg":"pino"}', "error", "ERROR"],
    ["time=x level=debug msg=hello", "debug", "DEBUG"],
    ["<11>Mar  1 12:00:00 host app: broken", "error", "ERROR"],
    ["<999>nobody's priority", "other", ""],
    ["E0301 12:03:11.313 7 main.go:12] no", "error", "ERROR"],
    ["[2026-03-01] [core:error] AH00052: child pid 7 exit signal", "error", "ERROR"],
    ["sshd[7]: error: maximum authentication attempts", "error", "ERROR"],
    ['10.4.2.44 - - [01/Mar/2026] "GET /v1/orders HTTP/1.1" 504 167 5.0', "error", "ERROR"],
    ['10.4.2.44 - - [01/Mar/2026] "GET /v1/orders HTTP/1.1" 404 167 5.0', "warn", "WARN"],
    ['10.4.2.44 - - [01/Mar/2026] "GET /v1/orders HTTP/1.1" 200 167 5.0', "info", "INFO"],
    ["Traceback (most recent call last):", "error", "ERROR"],
    ["CRITICAL disk full", "fatal", "FATAL"],
    ["request timed out", "warn", "WARN"],
    ["INFO then a WARN in one line", "warn", "WARN"],
    ["all is well", "other", ""],
    ["", "other", ""],
    [`${"x".repeat(600)} ERROR`, "other", ""],
    ["constructor: toString", "other", ""],
  ] as const)("%s", (text, level, word) => {
    expect(levelOf(text)).toEqual({ level, word });
  });
});
