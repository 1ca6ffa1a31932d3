/**
 * What the hub's HTTP streams say, in the words of the live socket.
 *
 * A stream gives a row a line, with the names of its values; the socket gives columns against a schema. Above this
 * module nobody knows which of the two brought a message.
 *
 * In: pieces of a body of `application/x-ndjson`, and lists of hosts. Out: messages of the live protocol.
 */
import type { GapMessage, HostMap, ServerMessage } from "../protocol/messages";

interface SampleRow {
  host: number;
  time_ms: number;
  values: Record<string, number | null>;
}

interface LineRow {
  host: number;
  stream: number;
  path: string;
  time_ms: number;
  offset: number;
  text: string;
  cursor?: string;
}

type Row = SampleRow | LineRow | { gap: Omit<GapMessage, "op" | "ch"> };

/** Cuts a body that arrives in pieces into whole lines. */
export class Lines {
  #rest = "";

  take(piece: string): string[] {
    const lines = (this.#rest + piece).split("\n");
    this.#rest = lines.pop() ?? "";
    return lines.filter((line) => line !== "");
  }
}

/** One stream's rows as messages of one channel. */
export class Rows {
  readonly #ch: number;
  readonly #schemas = new Map<string, number>();
  readonly #text = new TextEncoder();

  constructor(ch: number) {
    this.#ch = ch;
  }

  /** Whole lines of the body to messages, in their order. What is no row of ours is left out. */
  messages(lines: readonly string[]): ServerMessage[] {
    const found: ServerMessage[] = [];
    let samples: SampleRow[] = [];
    let written: LineRow[] = [];
    const flush = (): void => {
      if (samples.length > 0) found.push(...this.#samples(samples));
      if (written.length > 0) found.push(this.#lines(written));
      samples = [];
      written = [];
    };
    for (const line of lines) {
      const row = parsed(line);
      if (row === null) continue;
      if ("values" in row) samples.push(row);
      else if ("text" in row) written.push(row);
      else {
        flush();
        found.push({ ...row.gap, op: "gap", ch: this.#ch });
      }
    }
    flush();
    return found;
  }

  #samples(rows: readonly SampleRow[]): ServerMessage[] {
    const found: ServerMessage[] = [];
    const byNames = new Map<string, SampleRow[]>();
    for (const row of rows) {
      const names = Object.keys(row.values).join("\n");
      const same = byNames.get(names);
      if (same) same.push(row);
      else byNames.set(names, [row]);
    }
    for (const [names, same] of byNames) {
      const series = names === "" ? [] : names.split("\n");
      let schema = this.#schemas.get(names);
      if (schema === undefined) {
        schema = this.#schemas.size;
        this.#schemas.set(names, schema);
        found.push({ op: "schema", ch: this.#ch, schema, series });
      }
      const values = new Float32Array(same.length * series.length);
      same.forEach((row, at) => {
        series.forEach((name, i) => {
          values[at * series.length + i] = row.values[name] ?? Number.NaN;
        });
      });
      const block = {
        schema,
        hosts: Uint32Array.from(same, (row) => row.host),
        time_ms: Float64Array.from(same, (row) => row.time_ms),
        values,
      };
      found.push({ op: "samples", ch: this.#ch, blocks: [block] });
    }
    return found;
  }

  #lines(rows: readonly LineRow[]): ServerMessage {
    const cursor = rows.findLast((row) => row.cursor !== undefined)?.cursor ?? "";
    const batches = rows.map((row) => ({
      host: row.host,
      stream: row.stream,
      path: row.path,
      time_ms: row.time_ms,
      lines: [[row.offset, this.#text.encode(row.text)]] as [number, Uint8Array][],
    }));
    return { op: "lines", ch: this.#ch, cursor, batches };
  }
}

/** What changed between two answers of `GET /api/v1/hosts`; null if nothing did. `known` is brought up to date. */
export function changes(
  known: Map<number, string>,
  hosts: readonly HostMap[],
): { upsert: HostMap[]; remove: number[] } | null {
  const now = new Set(hosts.map((host) => host.host));
  const remove = [...known.keys()].filter((number) => !now.has(number));
  for (const number of remove) known.delete(number);
  const upsert = hosts.filter((host) => {
    const said = JSON.stringify([
      host.name,
      host.state,
      host.labels,
      host.agent_version,
      host.streams,
      host.problems,
      Math.round(host.clock_offset_ms / 10),
    ]);
    if (known.get(host.host) === said) return false;
    known.set(host.host, said);
    return true;
  });
  return upsert.length === 0 && remove.length === 0 ? null : { upsert, remove };
}

function parsed(line: string): Row | null {
  try {
    const row: unknown = JSON.parse(line);
    const kinds = ["values", "text", "gap"];
    return typeof row === "object" && row !== null && kinds.some((kind) => Object.hasOwn(row, kind))
      ? (row as Row)
      : null;
  } catch {
    return null;
  }
}
