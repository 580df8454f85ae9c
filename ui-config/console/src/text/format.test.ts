import { beforeAll, expect, test } from "vitest";
import { duration, percent, pointed, size } from "./format";
import { i18n } from "@lingui/core";

beforeAll(() => i18n.loadAndActivate({ locale: "en", messages: {} }));

test.each([
  [0, "0 sec"],
  [0.0123, "13 ms"],
  [0.0999, "0.1 sec"],
  [0.44, "0.4 sec"],
  [59.6, "1 min"],
  [61, "1 min 1 sec"],
  [3600, "1 hr"],
  [90061, "1 day 1 hr"],
])("%d seconds are %s", (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

test("what is not quite done is not shown as done", () => {
  expect(percent(0.99999)).toBe("99%");
  expect(percent(1)).toBe("100%");
});

test("a comma is the point of a number where the language has it there, and nowhere else", () => {
  expect(pointed(" 0,25 ", ",")).toBe("0.25");
  expect(pointed("1,000")).toBe("1,000");
});

test("sizes are powers of a thousand", () => {
  expect(size(0)).toBe("0 bytes");
  expect(size(1_500_000)).toBe("1.5 MB");
});
