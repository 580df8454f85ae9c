import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Refresher } from "./refresh";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A query in view whose answers take `took` milliseconds each. */
function inView(took: number) {
  const client = new QueryClient({ defaultOptions: { queries: { networkMode: "always" } } });
  const counts = { begun: 0, arrived: 0 };
  const queryFn = async () => {
    counts.begun += 1;
    await new Promise((resolve) => setTimeout(resolve, took));
    return ++counts.arrived;
  };
  const stop = new QueryObserver(client, { queryKey: ["runs", "r1"], queryFn }).subscribe(() => {});
  return { refresher: new Refresher(client), counts, stop };
}

test("events that come faster than answers do not keep any from arriving", async () => {
  const { refresher, counts, stop } = inView(1500);
  for (let told = 0; told < 40; told += 1) {
    refresher.old(["runs", "r1"]);
    await vi.advanceTimersByTimeAsync(250);
  }
  expect(counts.begun - counts.arrived).toBeLessThanOrEqual(1);
  expect(counts.arrived).toBeGreaterThanOrEqual(5);
  stop();
});

test("what is told last is asked for", async () => {
  const { refresher, counts, stop } = inView(10);
  await vi.advanceTimersByTimeAsync(2000);
  refresher.old(["runs", "r1"]);
  await vi.advanceTimersByTimeAsync(100);
  refresher.old(["runs", "r1"]);
  await vi.advanceTimersByTimeAsync(2000);
  expect(counts.arrived).toBe(3);
  stop();
});
