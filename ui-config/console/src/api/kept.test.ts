import { dehydrate, QueryClient } from "@tanstack/react-query";
import { expect, test, vi } from "vitest";
import { parse, write } from "./exact";
import { keepAnswers } from "./kept";
import { queries } from "./queries";

const browser = vi.hoisted(() => new Map<string, string>());
vi.mock("idb-keyval", () => ({
  createStore: () => null,
  get: async (key: string) => browser.get(key),
  set: async (key: string, value: string) => void browser.set(key, value),
  del: async (key: string) => void browser.delete(key),
}));

const RUN = '{"status":"RUNNING","parameters":{"modulus":170141183460469231731687303715884105727}}';

test("what was kept in the browser is shown, with all its digits, and known to be old", async () => {
  const before = new QueryClient();
  before.setQueryData(["runs", "r1"], parse(RUN));
  browser.set("answers", write({ timestamp: Date.now(), buster: "2", clientState: dehydrate(before) }));
  await keepAnswers();
  expect(write(queries.getQueryData(["runs", "r1"]))).toBe(RUN);
  expect(queries.getQueryState(["runs", "r1"])?.isInvalidated).toBe(true);
});
