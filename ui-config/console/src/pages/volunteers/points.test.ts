import { expect, test } from "vitest";
import { bars, total } from "./points";

const at = (day: number, hour: number) => new Date(2026, 10, day, hour).toISOString();
const told = {
  step: 3600,
  points: [
    { at: at(24, 1), completed: 5, failed: 0, online: 3 },
    { at: at(23, 22), completed: 10, failed: 1, online: 2 },
    { at: at(23, 23), completed: 20, failed: 0, online: 4 },
  ],
};

test("hours are shown in order", () => {
  expect(bars(told, false).map((bar) => bar.completed)).toEqual([10, 20, 5]);
});

test("a day adds up what was done, and tells the most machines at once", () => {
  expect(bars(told, true).map((bar) => [bar.completed, bar.failed, bar.online])).toEqual([
    [30, 1, 4],
    [5, 0, 3],
  ]);
  expect(total(bars(told, true))).toEqual({ completed: 35, failed: 1 });
});
