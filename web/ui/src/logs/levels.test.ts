import { describe, expect, it } from "vitest";
import { levelOf } from "./levels";

describe("the level of a line", () => {
  it.each([
    ["2026-03-01 12:03:11 UTC [18207] ERROR:  canceling statement due to statement timeout", "error", "ERROR"],
    ["2026-03-01 12:03:11 UTC [18207] LOG:  checkpoint starting: wal", "info", "LOG"],
    ['{"ts":1,"level":"warn","msg":"slow query"}', "warn", "WARN"],
    ['{"level":50,"msg":"pino"}', "error", "ERROR"],
    ["time=x level=debug msg=hello", "debug", "DEBUG"],
    ["<11>Mar  1 12:00:00 host app: broken", "error", "ERR"],
    ["E0301 12:03:11.313 7 main.go:12] no", "error", "ERROR"],
    ["[2026-03-01] [error] AH00052: child pid 7 exit signal", "error", "ERROR"],
    ["sshd[7]: error: maximum authentication attempts", "error", "ERROR"],
    ['10.4.2.44 - - [01/Mar/2026] "GET /v1/orders HTTP/1.1" 504 167 5.0', "warn", "WARN"],
    ['10.4.2.44 - - [01/Mar/2026] "GET /v1/orders HTTP/1.1" 200 167 5.0', "info", "INFO"],
    ["Traceback (most recent call last):", "error", "ERROR"],
    ["java.lang.IllegalStateException: no", "error", "ERROR"],
    ["CRITICAL disk full", "fatal", "CRIT"],
    ["done with 0 errors and no failure", "other", ""],
    ["", "other", ""],
    ["constructor: toString", "other", ""],
  ] as const)("%s", (text, level, word) => {
    expect(levelOf(text)).toEqual({ level, word });
  });
});
