/**
 * How bad a log line says it is.
 *
 * In: the text of a line without colour codes. Out: one of six levels and the word that the line itself uses.
 * Programs agree on nothing, so the places where they say it are tried from the most certain to the least: a key in
 * JSON or logfmt, a syslog priority, a glog letter, a word in capitals near the start, a word in brackets or before a
 * colon, an HTTP status, the first line of a stack trace. A line that says nothing is "other": never guessed from its
 * mood, because "0 errors" is good news.
 */

export type Level = "fatal" | "error" | "warn" | "info" | "debug" | "other";

/** Worst first: the order of bars, toggles and counts. */
export const LEVELS: readonly Level[] = ["fatal", "error", "warn", "info", "debug", "other"];

export interface Said {
  level: Level;
  /** The word to show, at most five letters; empty where the line says none. */
  word: string;
}

// The words of syslog, log4j, journald, Python, Go, Rust, PostgreSQL and Windows.
const WORDS: Record<string, Level> = {
  panic: "fatal",
  fatal: "fatal",
  emerg: "fatal",
  emergency: "fatal",
  alert: "fatal",
  crit: "fatal",
  critical: "fatal",
  error: "error",
  err: "error",
  severe: "error",
  failure: "error",
  warning: "warn",
  warn: "warn",
  notice: "info",
  info: "info",
  information: "info",
  log: "info",
  detail: "info",
  hint: "info",
  statement: "info",
  context: "info",
  debug: "debug",
  trace: "debug",
  verbose: "debug",
  fine: "debug",
  finer: "debug",
  finest: "debug",
};

// What is shown instead of words that do not fit into the column.
const SHORT: Record<string, string> = {
  critical: "CRIT",
  emergency: "EMERG",
  warning: "WARN",
  information: "INFO",
  verbose: "DEBUG",
  failure: "ERROR",
  severe: "ERROR",
  statement: "STMT",
  context: "CONTEXT",
};

// A level stands in the head of a line; further on it is somebody's sentence.
const HEAD_CHARACTERS = 200;

const KEYED = /["']?\b(?:level|lvl|severity|loglevel|log\.level|levelname|priority)["']?\s*[=:]\s*["']?([A-Za-z]+|\d+)/;
const PRIORITY = /^<(\d{1,3})>/;
const GLOG = /^([IWEF])\d{4} \d\d:\d\d:\d\d/;
const CAPITALS =
  /(?:^|[^A-Za-z0-9_/.-])(PANIC|FATAL|EMERG|EMERGENCY|ALERT|CRIT|CRITICAL|ERROR|ERR|SEVERE|FAILURE|WARNING|WARN|NOTICE|INFO|INFORMATION|LOG|DETAIL|HINT|STATEMENT|CONTEXT|DEBUG|TRACE|VERBOSE|FINE|FINER|FINEST)(?![A-Za-z0-9_/.=-])/;
const BRACKETED = /[[<(|]\s*([A-Za-z]+)\s*[\]>)|]/g;
const BEFORE_COLON = /(?:^|\s)([A-Za-z]+):(?:\s|$)/g;
const STATUS = /" ([1-5])\d\d (?:\d+|-)/;
const CRASH =
  /^(?:Traceback \(most recent call last\)|Exception in thread |panic: |fatal error: |Caused by: |thread '.*' panicked|[\w.$]+(?:Exception|Error)(?::|$))/;
// bunyan and pino write numbers.
const NUMBERS: [number, string][] = [
  [60, "fatal"],
  [50, "error"],
  [40, "warn"],
  [30, "info"],
  [0, "debug"],
];
const SYSLOG = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

export function levelOf(text: string): Said {
  const head = text.length > HEAD_CHARACTERS ? text.slice(0, HEAD_CHARACTERS) : text;
  return (
    fromKey(text) ??
    fromPriority(head) ??
    fromGlog(head) ??
    fromCapitals(head) ??
    fromPunctuation(head) ??
    fromStatus(head) ??
    fromCrash(head) ??
    SILENT
  );
}

const SILENT: Said = { level: "other", word: "" };
const said = new Map<string, Said>();

function word(raw: string): Said | undefined {
  const lower = raw.toLowerCase();
  const level = Object.hasOwn(WORDS, lower) ? WORDS[lower] : undefined;
  if (level === undefined) return undefined;
  let answer = said.get(lower);
  if (!answer) {
    answer = { level, word: SHORT[lower] ?? lower.toUpperCase() };
    said.set(lower, answer);
  }
  return answer;
}

function fromKey(text: string): Said | undefined {
  // Keys may stand far behind the message in JSON, so the whole line is asked, up to a bound.
  const found = KEYED.exec(text.length > 4096 ? text.slice(0, 4096) : text)?.[1];
  if (found === undefined) return undefined;
  const value = Number(found);
  if (Number.isNaN(value)) return word(found);
  if (value < 10) return word(SYSLOG[value] ?? "debug");
  return word(NUMBERS.find(([least]) => value >= least)![1]);
}

function fromPriority(head: string): Said | undefined {
  const found = PRIORITY.exec(head)?.[1];
  return found === undefined ? undefined : word(SYSLOG[Number(found) & 7]!);
}

function fromGlog(head: string): Said | undefined {
  const letter = GLOG.exec(head)?.[1];
  return letter === undefined ? undefined : word({ I: "info", W: "warn", E: "error", F: "fatal" }[letter]!);
}

function fromCapitals(head: string): Said | undefined {
  const found = CAPITALS.exec(head)?.[1];
  return found === undefined ? undefined : word(found);
}

function fromPunctuation(head: string): Said | undefined {
  for (const pattern of [BRACKETED, BEFORE_COLON]) {
    for (const match of head.matchAll(pattern)) {
      const answer = word(match[1]!);
      if (answer) return answer;
    }
  }
  return undefined;
}

function fromStatus(head: string): Said | undefined {
  const digit = STATUS.exec(head)?.[1];
  if (digit === undefined) return undefined;
  return digit === "5" ? word("warn") : word("info");
}

function fromCrash(head: string): Said | undefined {
  return CRASH.test(head) ? word("error") : undefined;
}
