/**
 * Lines to take along: everything that a question matches, oldest first, as text or as JSON lines.
 *
 * In: a question, page by page from the search. Out: parts of a file. At a bound it stops and says so in its last line,
 * so that a file never looks complete when it is not.
 */
import type { LogAnswer } from "./feed.svelte";

export type Format = "text" | "ndjson";

// 400,000 lines are some 60 MB: what a browser still holds without pain.
export const DOWNLOAD_LINES = 400_000;

export async function collect(
  page: (cursor: string | null) => Promise<LogAnswer>,
  format: Format,
  progress: (lines: number) => void,
  keep: (line: LogAnswer["lines"][number]) => boolean = () => true,
): Promise<string[]> {
  // Pages come newest first; so do the lines in each.
  const parts: string[] = [];
  let lines = 0;
  let cursor: string | null = null;
  do {
    const answer: LogAnswer = await page(cursor);
    parts.unshift(
      answer.lines
        .toReversed()
        .filter(keep)
        .map((line) => `${format === "text" ? asText(line) : JSON.stringify(line)}\n`)
        .join(""),
    );
    lines += answer.lines.length;
    cursor = answer.next;
    progress(lines);
  } while (cursor !== null && lines < DOWNLOAD_LINES);
  if (cursor !== null) parts.unshift(format === "text" ? `# older lines left out: more than ${DOWNLOAD_LINES}\n` : "");
  return parts;
}

function asText(line: LogAnswer["lines"][number]): string {
  return `${new Date(line.time_ms).toISOString()} ${line.name} ${line.path} ${line.text}`;
}
