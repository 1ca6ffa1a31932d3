import { encode as pack } from "@msgpack/msgpack";
import { describe, expect, test } from "vitest";
import { decode, encode } from "./codec";
import type { ServerMessage } from "./messages";

const bytesOf = (view: ArrayBufferView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
const frame = (message: unknown): ArrayBuffer => {
  const packed = pack(message);
  return packed.buffer.slice(packed.byteOffset, packed.byteOffset + packed.byteLength) as ArrayBuffer;
};
const read = (data: ArrayBuffer | string): ServerMessage => {
  const decoded = decode(data);
  if (decoded.message === null) throw new Error(decoded.problem);
  return decoded.message;
};
const samples = (padding: string) => ({
  op: "samples",
  pad: padding,
  ch: 3,
  blocks: [
    {
      schema: 7,
      hosts: bytesOf(Uint32Array.of(1, 70_000)),
      time_ms: bytesOf(Float64Array.of(1_764_000_000_123.5, 2)),
      values: bytesOf(Float32Array.of(1.5, Number.NaN, 3, 4)),
    },
  ],
});

describe("frames to columns", () => {
  test("columns come out whole wherever they lie in the frame", () => {
    // One more byte of padding each time moves every column through all alignments.
    for (let pad = 0; pad < 9; pad++) {
      const message = read(frame(samples("x".repeat(pad))));
      if (message.op !== "samples") throw new Error(message.op);
      const [block] = message.blocks;
      expect([...block!.hosts]).toEqual([1, 70_000]);
      expect([...block!.time_ms]).toEqual([1_764_000_000_123.5, 2]);
      expect([...block!.values]).toEqual([1.5, Number.NaN, 3, 4]);
    }
  });

  test("a column that lies well is a view into the frame, not a copy", () => {
    const shared = [0, 1, 2, 3, 4, 5, 6, 7].some((pad) => {
      const data = frame(samples("x".repeat(pad)));
      const message = read(data);
      return message.op === "samples" && message.blocks[0]!.values.buffer === data;
    });
    expect(shared).toBe(true);
  });

  test("the JSON subprotocol gives the same columns, null as NaN", () => {
    const text = '{"op":"samples","ch":1,"blocks":[{"schema":0,"hosts":[5],"time_ms":[1000],"values":[1.5,null]}]}';
    const message = read(text);
    if (message.op !== "samples") throw new Error(message.op);
    expect([...message.blocks[0]!.values]).toEqual([1.5, Number.NaN]);
    expect([...message.blocks[0]!.hosts]).toEqual([5]);
  });

  test("columns that do not fit together are refused with a reason", () => {
    const torn = {
      op: "samples",
      ch: 1,
      blocks: [{ schema: 0, hosts: bytesOf(Uint32Array.of(1)), time_ms: new Uint8Array(7), values: new Uint8Array(4) }],
    };
    const decoded = decode(frame(torn));
    expect(decoded).toEqual({ message: null, problem: "a column of 7 bytes holds no whole number of 8-byte values" });
    const uneven = decode('{"op":"samples","ch":1,"blocks":[{"schema":0,"hosts":[1,2],"time_ms":[1],"values":[1,2]}]}');
    expect(uneven.message).toBeNull();
  });
});

describe("what is no message of ours", () => {
  test("gives a reason and never throws", () => {
    for (const data of ["", "{", "[]", "7", '{"op":"sing"}', '{"op":"samples","blocks":[3]}', "null"]) {
      const decoded = decode(data);
      expect(decoded.message, data).toBeNull();
      expect((decoded as { problem: string }).problem, data).not.toBe("");
    }
    for (const bytes of [[], [0xc1], [0xdf, 0xff, 0xff, 0xff, 0xff], [0xc6, 0xff, 0xff, 0xff, 0xff], [0x93, 1]])
      expect(decode(Uint8Array.from(bytes).buffer as ArrayBuffer).message).toBeNull();
  });

  test("a host of an unknown state does not look live", () => {
    const message = read('{"op":"hosts","ch":1,"upsert":[{"host":1,"name":"a","state":"hibernating"}],"remove":[]}');
    expect(message.op === "hosts" && message.upsert[0]!.state).toBe("lost");
  });

  test("fields of a newer hub are no harm", () => {
    expect(read('{"op":"welcome","hub":"h","version":"9","time_ms":5,"mood":"fine"}')).toEqual({
      op: "welcome",
      hub: "h",
      version: "9",
      time_ms: 5,
    });
  });
});

describe("log lines", () => {
  test("bytes stay bytes, text of the JSON subprotocol becomes bytes", () => {
    const binary = read(
      frame({
        op: "lines",
        ch: 1,
        cursor: Uint8Array.of(9),
        batches: [{ host: 1, stream: 2, path: "/a", time_ms: 3, lines: [[0, Uint8Array.of(0xff, 0x41)]] }],
      }),
    );
    expect(binary.op === "lines" && [...binary.batches[0]!.lines[0]![1]]).toEqual([0xff, 0x41]);
    const json = read(
      '{"op":"lines","ch":1,"cursor":"x","batches":[{"host":1,"stream":2,"path":"/a","time_ms":3,"lines":[[12,"A"]]}]}',
    );
    expect(json.op === "lines" && json.batches[0]!.lines[0]).toEqual([12, Uint8Array.of(0x41)]);
  });
});

test("what the page asks is one small map in either subprotocol", () => {
  const wish = { op: "subscribe", id: 1, hosts: "web-*", series: ["cpu.*"] } as const;
  expect(JSON.parse(encode({ ...wish, series: [...wish.series] }, true) as string)).toEqual(wish);
  expect(encode({ op: "unsubscribe", id: 4 })).toEqual(pack({ op: "unsubscribe", id: 4 }));
});

test("counts of a second are a number a severity, whatever severities the hub knows", () => {
  const message = read('{"op":"counts","ch":10,"time_ms":5000,"fatal":0,"error":2,"other":36,"one_in":22}');
  expect(message).toEqual({
    op: "counts",
    ch: 10,
    time_ms: 5_000,
    counts: { fatal: 0, error: 2, other: 36 },
    one_in: 22,
  });
});
