import { expect, test } from "vitest";
import { learnFrom, serviceNow, Skew } from "./clock";

const HOUR = 3_600_000;

test("clocks that agree are not told apart, whatever an answer takes", () => {
  const skew = new Skew();
  expect(skew.ahead).toBe(0);
  skew.learn(12_000, 12_300, 12_900);
  skew.learn(13_000, 10_000, 13_100);
  expect(skew.ahead).toBe(0);
});

test.each([HOUR, -HOUR, 700, -90_000])(
  "a clock that is %d ms ahead is known to a second at once, and better after a few answers",
  (ahead) => {
    const skew = new Skew();
    for (const [asked, took] of [
      [100_000, 80],
      [101_350, 120],
      [102_700, 60],
      [104_050, 90],
      [105_400, 40],
    ] as const) {
      const there = asked + took / 2 + ahead;
      skew.learn(Math.floor(there / 1000) * 1000, asked, asked + took);
      expect(Math.abs(skew.ahead - ahead)).toBeLessThanOrEqual(1100);
    }
    expect(Math.abs(skew.ahead - ahead)).toBeLessThan(700);
  },
);

test("a clock that is set anew is believed anew", () => {
  const skew = new Skew();
  skew.learn(5_000, 5_000, 5_100);
  skew.learn(5_000 + HOUR, 6_000, 6_100);
  expect(Math.abs(skew.ahead - HOUR)).toBeLessThanOrEqual(1100);
});

test("what the service's answers are dated by is what its clock says", () => {
  const sent = Date.now();
  learnFrom(new Response(null, { headers: { Date: new Date(sent + HOUR).toUTCString() } }), sent);
  expect(Math.abs(serviceNow() - Date.now() - HOUR)).toBeLessThanOrEqual(1100);
});
