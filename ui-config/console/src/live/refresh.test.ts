import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { AwayError } from "../api/problem";
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
  return { client, refresher: new Refresher(client), counts, stop };
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

test("what could not be asked when it was told of is asked again, though nothing further is told", async () => {
  const client = new QueryClient({ defaultOptions: { queries: { networkMode: "always", retry: false } } });
  let away = false;
  const queryFn = async () => {
    if (away) throw new AwayError(null);
    return "ended";
  };
  client.setQueryData(["runs", "r1"], "running");
  const stop = new QueryObserver(client, { queryKey: ["runs", "r1"], queryFn, staleTime: Infinity }).subscribe(
    () => {},
  );
  const refresher = new Refresher(client);
  away = true;
  refresher.old(["runs", "r1"]);
  await vi.advanceTimersByTimeAsync(2000);
  away = false;
  await vi.advanceTimersByTimeAsync(20_000);
  expect(client.getQueryData(["runs", "r1"])).toBe("ended");
  stop();
  refresher.end();
});

test("what is in view and known to be old is asked for as soon as the service is heard again", async () => {
  const { client, refresher, counts, stop } = inView(10);
  await vi.advanceTimersByTimeAsync(100);
  await client.invalidateQueries({ refetchType: "none" });
  refresher.mend();
  await vi.advanceTimersByTimeAsync(100);
  expect(counts.arrived).toBe(2);
  stop();
});
