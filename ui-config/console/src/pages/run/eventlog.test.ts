import { expect, test } from "vitest";
import type { RunEvent } from "../../api/runs";
import { newest, older, particulars } from "./eventlog";

/** A service whose log holds events of these numbers, which tells at most `most` of them a page. */
function service(numbers: readonly number[], most = 3) {
  const asked: number[] = [];
  const ask = async (after: number) => {
    asked.push(after);
    const events = numbers
      .filter((seq) => seq > after)
      .slice(0, most)
      .map((seq): RunEvent => ({ seq, type: "run.held", at: "" }));
    return { events, next: events.at(-1)?.seq ?? after };
  };
  return { ask, asked };
}

const seqs = ({ events }: { events: RunEvent[] }) => events.map(({ seq }) => seq);

test("the newest come first, and nothing is told twice or left out", async () => {
  const numbers = [1, 5, 9, 700, 702, 703, 704, 705, 9000];
  const { ask } = service(numbers);
  const first = await older(ask, 9001, 2);
  expect(seqs(first).slice(0, 2)).toEqual([9000, 705]);
  const rest = await older(ask, first.from, 100);
  expect(rest.from).toBe(0);
  expect([...seqs(first), ...seqs(rest)]).toEqual(numbers.toReversed());
});

test("a log with wide holes takes few calls", async () => {
  const { ask, asked } = service([1, 2_000_000], 1000);
  expect(seqs(await older(ask, 2_000_001, 2))).toEqual([2_000_000, 1]);
  expect(asked.length).toBeLessThan(20);
});

test("the last number is found, through pages that hold nothing", async () => {
  expect(await newest(service([3, 8, 4000]).ask)).toBe(4000);
  expect(await newest(async (after) => ({ events: [], next: Math.min(after + 500, 1700) }))).toBe(1700);
  const filtered = async (after: number) => ({ events: [], next: Math.min(after + 100, 1700) });
  expect(await older(filtered, 1701, 1)).toEqual({ events: [], from: 0 });
});

test("an empty log ends", async () => {
  expect(await older(service([]).ask, 5000, 10)).toEqual({ events: [], from: 0 });
});

test("long lists are cut short", () => {
  const event = {
    seq: 1,
    type: "subtasks.leased",
    at: "",
    task: "draw",
    indexes: Array.from({ length: 20 }, (_, at) => at),
    error: null,
  };
  expect(particulars(event)).toEqual([
    ["task", "draw"],
    ["indexes", "0, 1, 2, 3, 4, 5, 6, 7 … (20)"],
  ]);
});
