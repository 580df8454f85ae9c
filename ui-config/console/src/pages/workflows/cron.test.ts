import { expect, test } from "vitest";
import { cronFor, cronOf, isZone, nextTimes, simpleOf } from "./cron";

const NOON = Date.UTC(2026, 10, 24, 12); // a Tuesday

function next(expression: string, zone = "UTC", count = 3, now = NOON): string[] {
  return nextTimes(cronOf(expression)!, zone, now, count).map((at) => new Date(at).toISOString().slice(0, 16));
}

test.each([
  ["30 2 * * *", ["2026-11-25T02:30", "2026-11-26T02:30", "2026-11-27T02:30"]],
  ["*/20 12 * * *", ["2026-11-24T12:20", "2026-11-24T12:40", "2026-11-25T12:00"]],
  ["0 6 * * MON-FRI", ["2026-11-25T06:00", "2026-11-26T06:00", "2026-11-27T06:00"]],
  ["0 0 29 2 *", ["2028-02-29T00:00"]],
  ["15 10 * * 7", ["2026-11-29T10:15", "2026-12-06T10:15", "2026-12-13T10:15"]],
  ["0 0 1 * 1", ["2026-11-30T00:00", "2026-12-01T00:00", "2026-12-07T00:00"]],
  ["0 12 24 jan,dec *", ["2026-12-24T12:00", "2027-01-24T12:00", "2027-12-24T12:00"]],
])("%s is due at the next such times", (expression, times) => {
  expect(next(expression)).toEqual(times);
});

test("times are those of the zone's clock", () => {
  expect(next("0 2 * * *", "Africa/Douala", 1)).toEqual(["2026-11-25T01:00"]);
  expect(next("0 2 * * *", "America/New_York", 1)).toEqual(["2026-11-25T07:00"]);
});

test("the same time of day stays when the clock changes", () => {
  const before = Date.UTC(2026, 2, 28, 12);
  expect(next("0 9 * * *", "Europe/Paris", 2, before)).toEqual(["2026-03-29T07:00", "2026-03-30T07:00"]);
});

test.each(["", "* * * *", "60 * * * *", "* * * * MOO", "5-1 * * * *", "*/0 * * * *", "@daily", "0 0 L * *"])(
  "'%s' is not read here",
  (text) => {
    expect(cronOf(text)).toBeNull();
  },
);

test("what the simple form says is an expression", () => {
  const simple = { minute: 5, hour: 7, weekday: 1, day: 15 };
  expect(cronFor({ every: "hour", ...simple })).toBe("5 * * * *");
  expect(cronFor({ every: "day", ...simple })).toBe("5 7 * * *");
  expect(cronFor({ every: "week", ...simple })).toBe("5 7 * * 1");
  expect(cronFor({ every: "month", ...simple })).toBe("5 7 15 * *");
});

test("time zones are known by name", () => {
  expect(isZone("Africa/Douala")).toBe(true);
  expect(isZone("Mars/Olympus")).toBe(false);
});

test.each(["5 * * * *", "5 7 * * *", "5 7 * * 0", "5 7 15 * *"])("%s is what the simple form says", (expression) => {
  expect(cronFor(simpleOf(expression)!)).toBe(expression);
});

test.each(["*/5 * * * *", "5 7 * 1 *", "5 7 15 * 1", "5 * * * 1", "5 7 * * 1-5", "99 7 * * *"])(
  "%s is more than it says",
  (expression) => {
    expect(simpleOf(expression)).toBeNull();
  },
);
