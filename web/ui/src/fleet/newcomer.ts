/**
 * A machine to add, as somebody types it: labels, files to follow, how long the line is good for.
 *
 * In: the text of the fields. Out: a `Wish` for the hub, and the first part that is none. The hub decides; the rules here
 * are its own (`query/enrolment.py`), so that a slip is seen while typing.
 */

export interface Wish {
  labels: Record<string, string>;
  ttl: string;
  tail: string[];
}

export interface Typed {
  wish: Wish;
  /** What is left out of the wish, and why; "" if nothing is. */
  wrong: string;
}

const LABEL = /^([A-Za-z0-9_.-]{1,255})=(.+)$/;

const words = (text: string): string[] => text.trim().split(/\s+/).filter(Boolean);

export function typed(labels: string, follow: string, ttl: string): Typed {
  const wish: Wish = { labels: {}, ttl, tail: [] };
  let wrong = "";
  for (const part of words(labels)) {
    const found = LABEL.exec(part);
    if (found) wish.labels[found[1]!] = found[2]!;
    else wrong ||= `${part} is left out: a label is KEY=VALUE, as in role=db`;
  }
  for (const part of words(follow)) {
    if (part.startsWith("/")) wish.tail.push(part);
    else wrong ||= `${part} is left out: a path or a glob from the root, as in /var/log/*.log`;
  }
  return { wish, wrong };
}

const quoted = (text: string): string => (/^[\w=.,:/@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** The command that makes the same line on the hub's machine. */
export function enrollCommand({ labels, ttl, tail }: Wish): string {
  return [
    "fleetglass-hub enroll",
    ...Object.entries(labels).map(([key, value]) => `--label ${quoted(`${key}=${value}`)}`),
    ...(ttl === "1h" ? [] : [`--ttl ${ttl}`]),
    ...tail.map((glob) => `--tail ${quoted(glob)}`),
  ].join(" ");
}

/** The command that forgets a host there. */
export const forgetCommand = (name: string): string => `fleetglass-hub forget ${quoted(name)}`;
