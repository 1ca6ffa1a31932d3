/**
 * The messages of `WS /api/v1/live`, in the hub's words (docs/api.md). Times are ms since 1970, UTC, corrected by the
 * host's measured clock offset. Numbers travel as columns: `codec.ts` gives them as typed arrays.
 */

export type HostState = "live" | "late" | "lost" | "left";

/** One agent as the hub knows it. `host` is the hub's number for it, until the hub restarts. */
export interface HostMap {
  host: number;
  agent_id: string;
  name: string;
  labels: Record<string, string>;
  state: HostState;
  /** The hub's clock when the newest frame came; sent when something else changes, not each second. */
  last_ms: number;
  first_ms: number;
  interval_ms: number;
  platform: Record<string, string | number>;
  agent_version: string;
  address: string;
  clock_offset_ms: number;
  streams: number;
  lag_ms: number;
  /** Sources that are off, and why, in words. */
  problems: string[];
}

/** Rows of samples that share a schema. Several rows of one host are history, oldest first. */
export interface Block {
  schema: number;
  hosts: Uint32Array;
  time_ms: Float64Array;
  /** Row by row: `hosts.length` times the number of the schema's series; NaN where missing. */
  values: Float32Array;
}

export interface Batch {
  host: number;
  stream: number;
  path: string;
  time_ms: number;
  /** The offset of each line's first byte in its file, and its bytes without the line's end. */
  lines: [offset: number, bytes: Uint8Array][];
  /** The host's own clock, before correction, if the hub says it. */
  raw_ms?: number;
  /** The last line is not whole yet, and will come again with the same offset. */
  partial?: boolean;
}

export type GapWhy = "slow-reader" | "agent-away" | "file-gone" | "truncated" | "retention" | "sampled";

export interface GapMessage {
  op: "gap";
  ch: number;
  host: number;
  stream: number;
  path?: string;
  from_ms: number;
  to_ms: number;
  lines?: number | null;
  bytes?: number | null;
  why: GapWhy;
}

/** Opaque: handed back as it came. */
export type Cursor = string | Uint8Array;

export type ServerMessage =
  | { op: "welcome"; hub: string; version: string; time_ms: number }
  | { op: "subscribed"; id: number; ch: number; cursor?: Cursor }
  /** `numbers`: hosts that another subscription tells whole. */
  | { op: "hosts"; ch: number; upsert: HostMap[]; numbers: number[]; remove: number[] }
  | { op: "schema"; ch: number; schema: number; series: string[] }
  | { op: "samples"; ch: number; blocks: Block[] }
  | { op: "lines"; ch: number; cursor: Cursor; batches: Batch[] }
  | GapMessage
  | { op: "counts"; ch: number; time_ms: number; counts: Record<string, number>; one_in: number }
  | { op: "error"; id?: number; message: string };

export interface LogsWish {
  path?: string | null;
  match?: string | null;
  exclude?: string | null;
  max_lines_per_s?: number | null;
}

/** A question, without its number: the session numbers it. */
export interface Wish {
  hosts: string;
  series?: string[];
  interval_ms?: number;
  history_s?: number;
  logs?: LogsWish;
  tail?: number;
}

export type ClientMessage =
  | ({ op: "subscribe"; id: number; resume?: Cursor; numbers?: true } & Wish)
  | { op: "unsubscribe"; id: number };
