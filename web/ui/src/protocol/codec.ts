/**
 * Bytes of the live socket to messages, and back.
 *
 * Columns become views into the received buffer: no object a value, and a copy only where the frame put them at an
 * address that the element's size does not divide. What is no message of ours gives null with a reason, never an exception.
 *
 * In: one WebSocket message of subprotocol `fleetglass.v1` (binary) or `fleetglass.v1.json` (text). Out: a `ServerMessage`.
 */
import { Decoder, Encoder } from "@msgpack/msgpack";
import type { Batch, Block, ClientMessage, HostMap, HostState, ServerMessage } from "./messages";

const decoder = new Decoder();
const encoder = new Encoder();
const utf8 = new TextEncoder();

export type Decoded = { message: ServerMessage } | { message: null; problem: string };

/** One message: MessagePack, JSON text, or a map that was already read from JSON. */
export function decode(data: ArrayBuffer | string | object): Decoded {
  let raw: unknown;
  try {
    if (typeof data === "string") raw = JSON.parse(data);
    else raw = data instanceof ArrayBuffer ? decoder.decode(new Uint8Array(data)) : data;
  } catch (error) {
    return { message: null, problem: `unreadable frame: ${error instanceof Error ? error.message : String(error)}` };
  }
  try {
    return { message: shape(raw) };
  } catch (error) {
    return { message: null, problem: error instanceof Error ? error.message : String(error) };
  }
}

export function encode(message: ClientMessage, json = false): string | Uint8Array<ArrayBuffer> {
  return json ? JSON.stringify(message) : encoder.encode(message);
}

type Fields = Record<string, unknown>;

function shape(raw: unknown): ServerMessage {
  const m = fields(raw, "message");
  const ch = number(m["ch"], -1);
  switch (m["op"]) {
    case "welcome":
      return {
        op: "welcome",
        hub: text(m["hub"]),
        version: text(m["version"]),
        time_ms: number(m["time_ms"], Number.NaN),
      };
    case "subscribed":
      return { op: "subscribed", id: number(m["id"], -1), ch, ...(m["cursor"] ? { cursor: text(m["cursor"]) } : {}) };
    case "hosts":
      return {
        op: "hosts",
        ch,
        upsert: list(m["upsert"]).map(host),
        numbers: list(m["numbers"]).map((n) => number(n, -1)),
        remove: list(m["remove"]).map((n) => number(n, -1)),
      };
    case "schema":
      return { op: "schema", ch, schema: number(m["schema"], -1), series: list(m["series"]).map(text) };
    case "samples":
      return { op: "samples", ch, blocks: list(m["blocks"]).map(block) };
    case "lines": {
      const cursor = m["cursor"];
      return {
        op: "lines",
        ch,
        cursor: cursor instanceof Uint8Array ? cursor : text(cursor),
        batches: list(m["batches"]).map(batch),
      };
    }
    case "gap":
      return { ...(m as unknown as Extract<ServerMessage, { op: "gap" }>), op: "gap", ch };
    case "counts":
      return {
        op: "counts",
        ch,
        time_ms: number(m["time_ms"], Number.NaN),
        counts: severities(m),
        one_in: number(m["one_in"], 1),
      };
    case "error": {
      const id = m["id"];
      return { op: "error", message: text(m["message"]), ...(typeof id === "number" ? { id } : {}) };
    }
    default:
      throw new Error(`unknown message ${JSON.stringify(m["op"]) ?? "without op"}`);
  }
}

/** A number a severity: all fields of the message that are numbers, but those with a meaning of their own. */
function severities({ op: _op, ch: _ch, time_ms: _time, one_in: _one, ...rest }: Fields): Record<string, number> {
  return Object.fromEntries(
    Object.entries(rest).filter((field): field is [string, number] => typeof field[1] === "number"),
  );
}

const STATES: readonly string[] = ["live", "late", "lost", "left"];

function host(raw: unknown): HostMap {
  const m = fields(raw, "host");
  const state = text(m["state"]);
  return {
    host: number(m["host"], -1),
    agent_id: text(m["agent_id"]),
    name: text(m["name"]),
    labels: isFields(m["labels"]) ? (m["labels"] as Record<string, string>) : {},
    // A state that this page does not know must not look live.
    state: STATES.includes(state) ? (state as HostState) : "lost",
    last_ms: number(m["last_ms"], 0),
    first_ms: number(m["first_ms"], 0),
    interval_ms: number(m["interval_ms"], 1_000),
    platform: isFields(m["platform"]) ? (m["platform"] as Record<string, string | number>) : {},
    agent_version: text(m["agent_version"]),
    address: text(m["address"]),
    clock_offset_ms: number(m["clock_offset_ms"], Number.NaN),
    streams: number(m["streams"], 0),
    lag_ms: number(m["lag_ms"], Number.NaN),
    problems: Array.isArray(m["problems"]) ? m["problems"].map(text) : [],
  };
}

function block(raw: unknown): Block {
  const m = fields(raw, "block");
  const hosts = u32(m["hosts"]);
  const time_ms = f64(m["time_ms"]);
  const values = f32(m["values"]);
  if (time_ms.length !== hosts.length || (hosts.length > 0 && values.length % hosts.length !== 0))
    throw new Error(
      `samples with ${hosts.length} hosts, ${time_ms.length} times and ${values.length} values do not fit together`,
    );
  return { schema: number(m["schema"], -1), hosts, time_ms, values };
}

function batch(raw: unknown): Batch {
  const m = fields(raw, "batch");
  const lines = list(m["lines"]).map((pair): [number, Uint8Array] => {
    const [offset, bytes] = list(pair);
    return [number(offset, Number.NaN), bytes instanceof Uint8Array ? bytes : utf8.encode(text(bytes))];
  });
  return {
    host: number(m["host"], -1),
    stream: number(m["stream"], -1),
    path: text(m["path"]),
    time_ms: number(m["time_ms"], Number.NaN),
    lines,
    ...(typeof m["raw_ms"] === "number" ? { raw_ms: m["raw_ms"] } : {}),
    ...(m["partial"] === true ? { partial: true } : {}),
  };
}

function f32(raw: unknown): Float32Array {
  if (raw instanceof Uint8Array) return new Float32Array(...aligned(raw, 4));
  return Float32Array.from(list(raw), orNaN);
}

function f64(raw: unknown): Float64Array {
  if (raw instanceof Uint8Array) return new Float64Array(...aligned(raw, 8));
  return Float64Array.from(list(raw), orNaN);
}

function u32(raw: unknown): Uint32Array {
  if (raw instanceof Uint8Array) return new Uint32Array(...aligned(raw, 4));
  return Uint32Array.from(list(raw), (n) => number(n, 0));
}

/** Where a column lies: in the frame itself if the address allows it, else in a copy. */
function aligned(bytes: Uint8Array, size: number): [ArrayBuffer, number, number] {
  if (bytes.byteLength % size !== 0)
    throw new Error(`a column of ${bytes.byteLength} bytes holds no whole number of ${size}-byte values`);
  const count = bytes.byteLength / size;
  if (bytes.byteOffset % size === 0 && bytes.buffer instanceof ArrayBuffer)
    return [bytes.buffer, bytes.byteOffset, count];
  return [bytes.slice().buffer, 0, count];
}

const orNaN = (n: unknown): number => (typeof n === "number" ? n : Number.NaN);

function isFields(raw: unknown): raw is Fields {
  return typeof raw === "object" && raw !== null && !Array.isArray(raw) && !(raw instanceof Uint8Array);
}

function fields(raw: unknown, what: string): Fields {
  if (!isFields(raw)) throw new Error(`a ${what} is a map, not ${Array.isArray(raw) ? "a list" : typeof raw}`);
  return raw;
}

const list = (raw: unknown): unknown[] => (Array.isArray(raw) ? raw : []);
const text = (raw: unknown): string => (typeof raw === "string" ? raw : "");
const number = (raw: unknown, missing: number): number =>
  typeof raw === "number" ? raw : typeof raw === "bigint" ? Number(raw) : missing;
