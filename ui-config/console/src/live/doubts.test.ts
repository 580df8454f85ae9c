import { expect, test } from "vitest";
import { type Answer, Doubts } from "./doubts";

const answer = (queryHash: string, dataUpdatedAt: number, isInvalidated: boolean, data: unknown): Answer => ({
  queryHash,
  state: { data, dataUpdatedAt, isInvalidated },
});
const UP = { up: true, heard: 100_000 };

test("nothing is said of answers that are as they are now, nor of those that come anew soon", () => {
  const doubts = new Doubts();
  expect(doubts.look([answer("run", 90_000, false, {}), answer("list", 80_000, true, {})], UP, 100_000)).toBeNull();
  expect(doubts.look([answer("run", 90_000, false, {}), answer("list", 101_000, true, {})], UP, 106_000)).toBeNull();
});

test("an answer that was kept and does not come anew is as old as it is, whatever else is asked", () => {
  const doubts = new Doubts();
  const shown = [answer("me", 99_000, false, {}), answer("run", 20_000, true, {})];
  expect(doubts.look(shown, UP, 100_000)).toBeNull();
  expect(doubts.look(shown, UP, 106_000)).toBe(20_000);
});

test("while nothing is heard, what events kept up to date is as of the last one heard", () => {
  const doubts = new Doubts();
  const link = { up: false, heard: 97_000 };
  const shown = [answer("run", 20_000, false, {}), answer("list", 98_000, false, {})];
  expect(doubts.look(shown, link, 100_000)).toBeNull();
  expect(doubts.look(shown, link, 106_000)).toBe(97_000);
  expect(doubts.look(shown, UP, 107_000)).toBeNull();
});

test("what has not been loaded has no age", () => {
  expect(new Doubts().look([answer("run", 0, true, undefined)], UP, 100_000, 0)).toBeNull();
});
