import { expect, test } from "vitest";
import { beside } from "./tourSteps";

const view = { width: 400, height: 800 };
const size = { width: 300, height: 200 };

test("it stands below what it points at", () => {
  expect(beside({ left: 180, right: 220, top: 10, bottom: 50 }, size, view)).toEqual({ left: 50, top: 62 });
});

test("it stands above what is at the lower edge", () => {
  expect(beside({ left: 180, right: 220, top: 750, bottom: 800 }, size, view)).toEqual({ left: 50, top: 538 });
});

test("it stays in view beside what is at a side, or larger than the window", () => {
  expect(beside({ left: 380, right: 400, top: 0, bottom: 40 }, size, view).left).toBe(88);
  expect(beside({ left: 0, right: 400, top: -500, bottom: 1500 }, size, view)).toEqual({ left: 50, top: 588 });
});
