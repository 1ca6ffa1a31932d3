import { describe, expect, it } from "vitest";
import { type Batch, type Row, Tail } from "./tail";

const bytes = (text: string) => new TextEncoder().encode(text);

function batch(timeMs: number, lines: [number, string][], more: Partial<Batch> = {}): Batch {
  return {
    host: 1,
    stream: 1,
    path: "/a.log",
    timeMs,
    lines: lines.map(([offset, text]) => [offset, bytes(text)] as const),
    ...more,
  };
}

const texts = (rows: Row[]) => rows.map((row) => (row.kind === "line" ? row.text : `-- ${row.why}`));

describe("order", () => {
  it("merges hosts by time, however they arrive", () => {
    const tail = new Tail();
    tail.add(batch(3, [[0, "c"]]));
    tail.add(batch(1, [[0, "a"]], { host: 2 }));
    tail.add(batch(2, [[0, "b"]], { host: 3 }));
    expect(texts(tail.rows)).toEqual(["a", "b", "c"]);
  });

  it("keeps the lines of one file in the order of their offsets when a clock steps back", () => {
    const tail = new Tail();
    tail.add(batch(1_000, [[0, "first"]]));
    tail.add(batch(400, [[6, "second"]]));
    expect(texts(tail.rows)).toEqual(["first", "second"]);
  });

  it("keeps lines of the same moment as they came", () => {
    const tail = new Tail();
    tail.add(
      batch(1, [
        [0, "a"],
        [2, "b"],
      ]),
    );
    tail.add(batch(1, [[0, "x"]], { host: 2 }));
    expect(texts(tail.rows)).toEqual(["a", "b", "x"]);
  });
});

describe("each line once", () => {
  it("drops a line that comes again", () => {
    const tail = new Tail();
    tail.add(batch(1, [[0, "a\n"]]));
    tail.add(
      batch(2, [
        [0, "a\n"],
        [2, "b\r\n"],
      ]),
    );
    expect(texts(tail.rows)).toEqual(["a", "b"]);
  });

  it("replaces a partial line in its place by the whole", () => {
    const tail = new Tail();
    tail.add(batch(1, [[0, "half"]], { partial: true }));
    tail.add(batch(2, [[0, "other"]], { host: 2 }));
    tail.add(batch(3, [[0, "half and ERROR rest\n"]]));
    expect(texts(tail.rows)).toEqual(["half and ERROR rest", "other"]);
    expect(tail.rows[0]).toMatchObject({ partial: false, level: "error" });
    expect(tail.kept).toBe(2);
  });

  it("keeps both when a rotated file starts anew at the same offset", () => {
    const tail = new Tail();
    tail.add(
      batch(1, [
        [0, "old"],
        [4, "old too"],
      ]),
    );
    tail.add(
      batch(2, [
        [0, "new"],
        [4, "new too"],
      ]),
    );
    expect(texts(tail.rows)).toEqual(["old", "old too", "new", "new too"]);
  });

  it("shows bytes that are no text with a replacement", () => {
    const tail = new Tail();
    tail.add({ host: 1, stream: 1, path: "/a", timeMs: 1, lines: [[0, new Uint8Array([0x61, 0xff, 0x62, 0x0a])]] });
    expect(texts(tail.rows)).toEqual(["a\ufffdb"]);
  });
});

describe("bounds", () => {
  it("keeps the newest lines", () => {
    const tail = new Tail(3);
    for (let i = 0; i < 10; i++) tail.add(batch(i, [[i * 2, `${i}`]]));
    expect(texts(tail.rows)).toEqual(["7", "8", "9"]);
    expect(tail.kept).toBe(3);
  });

  it("does not take a dropped line for known", () => {
    const tail = new Tail(1);
    tail.add(batch(1, [[0, "a"]]));
    tail.add(batch(2, [[2, "b"]]));
    tail.add(batch(3, [[4, "c"]]));
    expect(texts(tail.rows)).toEqual(["c"]);
  });
});

describe("holding", () => {
  it("changes nothing under the reader, counts, and lets everything in at the end", () => {
    const tail = new Tail();
    tail.add(batch(1, [[0, "a"]]));
    tail.hold();
    const rows = tail.rows;
    tail.add(
      batch(2, [
        [2, "b"],
        [4, "c"],
      ]),
    );
    expect(texts(rows)).toEqual(["a"]);
    expect(tail.rows).toBe(rows);
    expect(tail.newLines).toBe(2);
    tail.release();
    expect(texts(tail.rows)).toEqual(["a", "b", "c"]);
    expect(tail.newLines).toBe(0);
  });

  it("says as a gap what did not fit while holding", () => {
    const tail = new Tail(8);
    tail.hold();
    for (let i = 0; i < 30; i++) tail.add(batch(i, [[i * 2, `${i}`]]));
    expect(tail.newLines).toBe(30);
    tail.release();
    const gap = tail.rows.find((row) => row.kind === "gap");
    const lines = tail.rows.filter((row) => row.kind === "line").length;
    expect(gap?.kind === "gap" && gap.why === "held" && (gap.lines ?? 0) + lines).toBe(30);
  });
});

describe("gaps", () => {
  it("stand in order, and go when they are filled", () => {
    const tail = new Tail();
    tail.add(batch(1, [[0, "a"]]));
    tail.addGap({ host: 1, stream: 1, path: "/a.log", fromMs: 1, toMs: 2, lines: 7, bytes: null, why: "slow-reader" });
    tail.add(batch(3, [[90, "b"]]));
    expect(texts(tail.rows)).toEqual(["a", "-- slow-reader", "b"]);
    tail.addOlder([{ host: 1, stream: 1, path: "/a.log", offset: 40, timeMs: 1.5, rawMs: 1.5, text: "filled" }]);
    tail.removeGap(tail.rows.find((row) => row.kind === "gap")!.id);
    expect(texts(tail.rows)).toEqual(["a", "filled", "b"]);
  });
});

describe("stack traces", () => {
  it("fold into their first line, also while others write in between", () => {
    const tail = new Tail();
    tail.add(
      batch(1, [
        [0, "ERROR boom"],
        [20, "\tat a.b"],
      ]),
    );
    tail.add(batch(1, [[0, "else"]], { host: 2 }));
    tail.add(
      batch(2, [
        [40, "\tat c.d"],
        [60, "INFO fine"],
      ]),
    );
    expect(texts(tail.rows)).toEqual(["ERROR boom", "else", "INFO fine"]);
    expect(tail.rows[0]?.kind === "line" && tail.rows[0].folded?.map((line) => line.text)).toEqual([
      "\tat a.b",
      "\tat c.d",
    ]);
    expect(tail.kept).toBe(5);
    expect(tail.find(1, "/a.log", 40)).toBe(tail.rows[0]);
  });

  it("do not swallow an indented line that was written much later", () => {
    const tail = new Tail();
    tail.add(batch(1, [[0, "INFO up"]]));
    tail.add(batch(9_000, [[10, "  indented"]]));
    expect(texts(tail.rows)).toEqual(["INFO up", "  indented"]);
  });
});

it("takes a batch of more lines than a call takes arguments", () => {
  const tail = new Tail();
  const empty = new Uint8Array(0);
  tail.add(batch(5, [[900_000, "late"]], { host: 2 }));
  tail.add({
    host: 1,
    stream: 1,
    path: "/a",
    timeMs: 1,
    lines: Array.from({ length: 262_144 }, (_, i) => [i, empty] as const),
  });
  expect(tail.kept).toBe(5_000);
  expect(texts(tail.rows).at(-1)).toBe("late");
});

describe("older lines", () => {
  it("come in front in time order, and none twice", () => {
    const tail = new Tail();
    tail.add(batch(10, [[20, "c"]]));
    const older = (offset: number, timeMs: number, text: string) => ({
      host: 1,
      stream: 1,
      path: "/a.log",
      offset,
      timeMs,
      rawMs: timeMs,
      text,
    });
    expect(tail.addOlder([older(20, 10, "c"), older(10, 5, "b"), older(0, 1, "a")])).toBe(2);
    expect(texts(tail.rows)).toEqual(["a", "b", "c"]);
  });
});
