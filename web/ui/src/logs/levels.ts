/**
 * How bad a log line says it is.
 *
 * In: the text of a line without colour codes. Out: one of six levels, and the word to show for it. The rules are the
 * hub's own (`live/severity.py`), so that counts made here and counts made there agree: the place where a level is
 * said decides, from the most certain to the least (JSON or logfmt key; bracketed or capital word; syslog priority; HTTP
 * status; words), and within one place the worst. `levels.test.ts` holds lines that both sides must read alike.
 */

export type Level = "fatal" | "error" | "warn" | "info" | "debug" | "other";

/** Worst first: the order of bars, toggles and counts. */
export const LEVELS: readonly Level[] = ["fatal", "error", "warn", "info", "debug", "other"];

export interface Said {
  level: Level;
  /** The word to show, in capitals; empty where the line says none. */
  word: string;
}

// Levels stand at the start of a line; a long line's payload must not decide.
const HEAD_CHARACTERS = 512;

const WORDS: Record<string, string> = {
  fatal: "fatal|critical|crit|emerg(?:ency)?|alert|panic",
  error: "error|err|severe|failure",
  warn: "warning|warn",
  info: "info|information|notice",
  debug: "debug|trace|verbose|fine",
};
const CAPITALS: Record<string, string> = {
  fatal: "FATAL|CRITICAL|CRIT|EMERG|EMERGENCY|ALERT|PANIC",
  error: "ERROR|ERR|SEVERE",
  warn: "WARNING|WARN",
  info: "INFO|NOTICE",
  debug: "DEBUG|TRACE|FINE|FINER|FINEST",
};
// pino and bunyan write numbers.
const NUMBERS: Record<string, string> = { fatal: "60", error: "50", warn: "40", info: "30", debug: "[12]0" };
const GLOG: Record<string, string> = { fatal: "F", error: "E", warn: "W", info: "I", debug: "[DV]" };
const SAID_IN_WORDS: Record<string, string> = {
  fatal: "\\b(?:fatal|kernel panic|panic:|out of memory|oom-killer|segfault)",
  error: "\\b(?:error|exception|failed|failure|traceback|cannot|refused)\\b",
  warn: "\\b(?:warn(?:ing)?|deprecated|timed out|timeout|retrying)\\b",
};

interface Rule {
  level: Level;
  pattern: RegExp;
}

const SPOKEN = ["fatal", "error", "warn", "info", "debug"] as const;
const each = (make: (level: (typeof SPOKEN)[number]) => RegExp): Rule[] =>
  SPOKEN.map((level) => ({ level, pattern: make(level) }));

// One list a place, worst first in each; the first list with a hit decides.
const KEYED = each(
  (level) =>
    new RegExp(
      `"(?:level|severity|lvl|loglevel|log\\.level|levelname)"\\s*:\\s*"(?:${WORDS[level]})"|"level"\\s*:\\s*${NUMBERS[level]}\\b|\\b(?:level|severity|lvl)="?(?:${WORDS[level]})\\b`,
      "i",
    ),
);
const BRACKETED = each((level) => new RegExp(`[[<(](?:[a-z0-9_.:-]+:)?(?:${WORDS[level]})\\s*[\\])>]`, "i"));
const CAPITAL = each(
  (level) =>
    new RegExp(
      `(?:^|[^A-Za-z0-9_])(?:${CAPITALS[level]})(?:[^A-Za-z0-9_]|$)|^${GLOG[level]}\\d{4} \\d\\d:\\d\\d:\\d\\d|^\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d+ +\\d+ +\\d+ ${GLOG[level]} `,
    ),
);
const STATUS: Rule[] = [
  { level: "error", pattern: /" 5\d\d (?:\d+|-)/ },
  { level: "warn", pattern: /" 4\d\d (?:\d+|-)/ },
  { level: "info", pattern: /" [123]\d\d (?:\d+|-)/ },
];
const SPEECH: Rule[] = Object.entries(SAID_IN_WORDS).map(([level, pattern]) => ({
  level: level as Level,
  pattern: new RegExp(pattern, "i"),
}));
const MENTIONED: Rule[] = [
  { level: "info", pattern: /\binfo\b/i },
  { level: "debug", pattern: /\b(?:debug|trace)\b/i },
];
const PRIORITY = /^<(\d{1,3})>/;
const HAS_KEY = /level|severity|lvl/i;
// Of syslog's eight (RFC 5424).
const SYSLOG: readonly Level[] = ["fatal", "fatal", "fatal", "error", "warn", "info", "info", "debug"];

// Words that a program prints itself, shown as it prints them; others are shown as their level.
const OWN_WORD =
  /(?:^|[^A-Za-z0-9_])(LOG|NOTICE|DETAIL|HINT|STATEMENT|CONTEXT|TRACE|PANIC|CRIT|ALERT|EMERG)(?:[^A-Za-z0-9_]|$)/;
const SHOWN: Record<Level, string> = {
  fatal: "FATAL",
  error: "ERROR",
  warn: "WARN",
  info: "INFO",
  debug: "DEBUG",
  other: "",
};

export function levelOf(text: string): Said {
  const head = text.length > HEAD_CHARACTERS ? text.slice(0, HEAD_CHARACTERS) : text;
  const level =
    (HAS_KEY.test(head) ? first(KEYED, head) : undefined) ??
    worst(first(BRACKETED, head), first(CAPITAL, head)) ??
    fromPriority(head) ??
    first(STATUS, head) ??
    first(SPEECH, head) ??
    first(MENTIONED, head) ??
    "other";
  return { level, word: OWN_WORD.exec(head)?.[1]?.slice(0, 6) ?? SHOWN[level] };
}

function first(rules: readonly Rule[], head: string): Level | undefined {
  for (const { level, pattern } of rules) if (pattern.test(head)) return level;
  return undefined;
}

function worst(a: Level | undefined, b: Level | undefined): Level | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return LEVELS.indexOf(a) < LEVELS.indexOf(b) ? a : b;
}

function fromPriority(head: string): Level | undefined {
  const found = PRIORITY.exec(head)?.[1];
  if (found === undefined || Number(found) > 191 || String(Number(found)) !== found) return undefined;
  return SYSLOG[Number(found) & 7];
}
