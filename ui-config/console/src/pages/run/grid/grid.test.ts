import { expect, test } from "vitest";
import type { Told } from "../../../live/stream";
import { ALL, apply, attemptsOf, countChosen, decode, hold, STATUSES, statusOf, totals } from "./grid";

function body(seq: number, tasks: Record<string, number[]>): ArrayBuffer {
  let at = 0;
  const heads = Object.entries(tasks).map(([name, cells]) => ({
    name,
    at: (at += cells.length) - cells.length,
    count: cells.length,
  }));
  const head = new TextEncoder().encode(`${JSON.stringify({ v: 1, seq, tasks: heads })}\n`);
  return new Uint8Array([...head, ...Object.values(tasks).flat()]).buffer;
}

const told = (seq: number, type: string, more: object): Told => ({ seq, type, run_id: "r1", ...more });
const [QUEUED, LEASED, , COMPLETED, FAILED, CANCELLED, DEAD] = [1, 2, 3, 4, 5, 6, 7] as const;
const once = 1 << 3;

test("cells are read by task, with their states and attempts", () => {
  const grid = decode(body(7, { draw: [COMPLETED | once, 0, QUEUED], sum: [DEAD | (5 << 3)] }));
  expect(grid.seq).toBe(7);
  expect(grid.blocks.map(({ name, count }) => [name, count])).toEqual([
    ["draw", 3],
    ["sum", 1],
  ]);
  expect([...grid.blocks[0]!.cells].map(statusOf)).toEqual(["COMPLETED", null, "QUEUED"]);
  expect(attemptsOf(grid.blocks[1]!.cells[0]!)).toBe(8);
  expect(totals(grid)).toEqual([1, 0, 0, 1, 0, 0, 1]);
});

test("a body of another form is refused", () => {
  expect(() => decode(new TextEncoder().encode('{"v": 2}\n').buffer as ArrayBuffer)).toThrow("version 2");
});

test.each([
  ["subtasks.leased", { indexes: [0], volunteer: "v1" }, LEASED | once],
  ["subtasks.completed", { indexes: [0], volunteer: "v1", status: "COMPLETED" }, COMPLETED],
  ["subtasks.expired", { indexes: [0], volunteer: "v1", status: "QUEUED" }, QUEUED],
  ["subtasks.refused", { indexes: [0], volunteer: "v1", status: "DEAD" }, DEAD],
  ["subtasks.overdue", { ranges: [[0, 0]], error: {} }, FAILED],
  ["subtasks.cancelled", { ranges: [[0, 0]] }, CANCELLED],
  ["subtasks.forgotten", { ranges: [[0, 0]] }, 0],
  ["subtasks.of_tomorrow", { ranges: [[0, 0]] }, QUEUED],
])("%s changes the cells that it names", (type, more, cell) => {
  const grid = decode(body(1, { draw: [QUEUED, QUEUED] }));
  apply(grid, "r1", [told(2, type, { task: "draw", ...more })]);
  expect([...grid.blocks[0]!.cells]).toEqual([cell, QUEUED]);
});

test("what the grid has already, and what is told of other runs, changes nothing", () => {
  const grid = decode(body(5, { draw: [COMPLETED] }));
  apply(grid, "r1", [
    told(5, "subtasks.leased", { task: "draw", indexes: [0], volunteer: "v1" }),
    { ...told(6, "subtasks.leased", { task: "draw", indexes: [0], volunteer: "v1" }), run_id: "r2" },
  ]);
  expect([...grid.blocks[0]!.cells]).toEqual([COMPLETED]);
  expect(grid.version).toBe(0);
});

test("new subtasks of new tasks make room", () => {
  const grid = decode(body(1, {}));
  apply(grid, "r1", [
    told(2, "subtasks.queued", {
      task: "draw",
      batches: [
        { batch: "b0", ranges: [[0, 99]] },
        { batch: "b1", ranges: [[100, 149]] },
      ],
    }),
    told(3, "subtasks.leased", { task: "draw", indexes: [149, 3], volunteer: "v1" }),
  ]);
  expect(grid.blocks[0]!.count).toBe(150);
  expect(totals(grid)).toEqual([148, 2, 0, 0, 0, 0, 0]);
  expect(grid.shape).toBeGreaterThan(0);
});

test("the counts stay those of the cells through any changes", () => {
  const grid = decode(body(1, { a: Array(50).fill(QUEUED), b: [] }));
  const types = [
    "subtasks.leased",
    "subtasks.requeued",
    "subtasks.cancelled",
    "subtasks.overdue",
    "subtasks.forgotten",
  ];
  for (let seq = 2; seq < 400; seq += 1) {
    const first = (seq * 37) % 60;
    apply(grid, "r1", [
      told(seq, types[seq % types.length]!, { task: seq % 3 ? "a" : "b", ranges: [[first, first + (seq % 7)]] }),
    ]);
  }
  for (const block of grid.blocks) {
    const counted = new Uint32Array(8);
    for (let index = 0; index < block.count; index += 1) counted[block.cells[index]! & 7]! += 1;
    expect([...block.counts]).toEqual([...counted]);
  }
});

test("attempts are counted one by one up to four, then in the service's steps", () => {
  const grid = decode(body(1, { draw: [QUEUED] }));
  const seen: number[] = [];
  for (let seq = 2; seq < 8; seq += 1) {
    apply(grid, "r1", [told(seq, "subtasks.leased", { task: "draw", indexes: [0], volunteer: "v1" })]);
    seen.push(attemptsOf(grid.blocks[0]!.cells[0]!));
  }
  expect(seen).toEqual([1, 2, 3, 4, 4, 4]);
});

test("choices count what stands out", () => {
  const grid = decode(body(1, { draw: [COMPLETED | once, COMPLETED | (2 << 3), FAILED | (2 << 3), QUEUED] }));
  apply(grid, "r1", [told(2, "subtasks.leased", { task: "draw", indexes: [3], volunteer: "v2" })]);
  hold(grid, "draw", 0, "v1");
  expect(countChosen(grid, ALL)).toBe(4);
  expect(countChosen(grid, { ...ALL, statuses: new Set(["COMPLETED"]) })).toBe(2);
  expect(countChosen(grid, { ...ALL, attempts: 2 })).toBe(2);
  expect(countChosen(grid, { ...ALL, volunteer: "v2" })).toBe(1);
  expect(countChosen(grid, { ...ALL, volunteer: "v1", statuses: new Set(["FAILED"]) })).toBe(0);
  expect(countChosen(grid, { ...ALL, volunteer: "never seen" })).toBe(0);
});

test("100,000 cells take four hundred changes within the time of a frame", () => {
  const grid = decode(body(1, { draw: Array(100_000).fill(QUEUED) }));
  const bundle = Array.from({ length: 400 }, (_, at) =>
    told(2 + at, "subtasks.completed", {
      task: "draw",
      volunteer: `v${at % 50}`,
      status: "COMPLETED",
      indexes: Array.from({ length: 64 }, (_, k) => (at * 250 + k) % 100_000),
    }),
  );
  const began = performance.now();
  apply(grid, "r1", bundle);
  // 3 ms when nothing else runs; a quadratic one takes many seconds
  expect(performance.now() - began).toBeLessThan(2000);
  expect(totals(grid)[STATUSES.indexOf("COMPLETED")]).toBe(400 * 64);
});
