import { expect, test } from "vitest";
import type { Timeline } from "../../../api/runs";
import { lanesOf, spanAt, ticks, turned, wholePeriod, within, zoomed } from "./timeline";

const told: Pick<Timeline, "volunteers" | "tasks" | "spans"> = {
  volunteers: [
    { id: "v1", name: "late" },
    { id: "v2", name: "early" },
  ],
  tasks: ["draw", "sum"],
  spans: [
    [0, 0, 3, 5000, 6000, "RETURNED"],
    [1, 0, 0, 1000, 4000, "RETURNED"],
    [1, 0, 1, 2000, 3000, "FAILED"],
    [1, 1, 0, 4000, null, "LEASED"],
  ],
};
const lanes = lanesOf(told);
const NOW = 9000;

test("volunteers have lanes, in the order in which they began, and rows for what they did at once", () => {
  expect(
    lanes.map(({ name, rows }) => [name, rows.map((row) => row.map(({ task, index }) => `${task}/${index}`))]),
  ).toEqual([
    ["early", [["draw/0", "sum/0"], ["draw/1"]]],
    ["late", [["draw/3"]]],
  ]);
});

test("the whole period lasts until now where something goes on", () => {
  expect(wholePeriod(lanes, NOW)).toEqual({ from: 1000, until: NOW });
  expect(wholePeriod([], NOW)).toEqual({ from: NOW - 1000, until: NOW });
});

test("what is under the pointer stays there when the period is made shorter", () => {
  const whole = { from: 0, until: 8000 };
  expect(zoomed(whole, whole, 0.5, 2000)).toEqual({ from: 1000, until: 5000 });
  expect(zoomed({ from: 1000, until: 5000 }, whole, 10, 2000)).toEqual(whole);
});

test("no period leaves the whole", () => {
  expect(within({ from: -500, until: 500 }, { from: 0, until: 3000 })).toEqual({ from: 0, until: 1000 });
});

test("moments to write are round and not too many", () => {
  expect(ticks({ from: 1500, until: 9500 }, 5)).toEqual([2000, 4000, 6000, 8000]);
  expect(ticks({ from: 0, until: 86_400_000 * 300 }, 6).length).toBeLessThanOrEqual(7);
});

test("spans are found where they are, and near by", () => {
  expect(spanAt(lanes, 0, 0, 1500, 0, NOW)).toEqual({ lane: 0, row: 0, at: 0 });
  expect(spanAt(lanes, 0, 0, 8000, 0, NOW)).toEqual({ lane: 0, row: 0, at: 1 });
  expect(spanAt(lanes, 1, 0, 6200, 300, NOW)).toEqual({ lane: 1, row: 0, at: 0 });
  expect(spanAt(lanes, 1, 0, 7000, 300, NOW)).toBeNull();
  expect(spanAt(lanes, 5, 0, 7000, 300, NOW)).toBeNull();
});

test("the cursor walks along rows and between them", () => {
  const begin = turned(lanes, null, "right")!;
  expect(begin).toEqual({ lane: 0, row: 0, at: 0 });
  expect(turned(lanes, begin, "right")).toEqual({ lane: 0, row: 0, at: 1 });
  expect(turned(lanes, begin, "down")).toEqual({ lane: 0, row: 1, at: 0 });
  expect(turned(lanes, { lane: 0, row: 1, at: 0 }, "down")).toEqual({ lane: 1, row: 0, at: 0 });
  expect(turned(lanes, { lane: 1, row: 0, at: 0 }, "down")).toEqual({ lane: 1, row: 0, at: 0 });
  expect(turned(lanes, begin, "end")).toEqual({ lane: 0, row: 0, at: 1 });
});
