/** Reads a run's event log from its end, though the service tells it from its beginning. */
import { write } from "../../api/exact";
import type { RunEvent } from "../../api/runs";

export interface Older {
  /** The newest first. */
  events: RunEvent[];
  /** What was looked at reaches down to here; 0: to the beginning. */
  from: number;
}

type Ask = (after: number) => Promise<{ events: RunEvent[]; next: number }>;

const FIRST = 400;
const WIDER = 8;

/**
 * At least `wanted` events numbered below `before`, or all that there are. The numbers count all of the service's
 * events, so nobody knows how far back to look: the range grows until it holds enough.
 */
export async function older(ask: Ask, before: number, wanted: number): Promise<Older> {
  let found: RunEvent[] = [];
  let top = before;
  for (let width = FIRST; top > 0 && found.length < wanted; width *= WIDER) {
    const bottom = Math.max(0, top - width);
    found = [...(await between(ask, bottom - 1, top)), ...found];
    top = bottom;
  }
  return { events: found.toReversed(), from: top };
}

/** All events numbered above `after` and below `before`, in order. */
async function between(ask: Ask, after: number, before: number): Promise<RunEvent[]> {
  const found: RunEvent[] = [];
  for (let at = Math.max(0, after); ;) {
    const page = await ask(at);
    found.push(...page.events.filter(({ seq }) => seq < before));
    const last = Math.max(page.next, page.events.at(-1)?.seq ?? 0);
    if (last >= before - 1 || last <= at) return found; // a page may hold nothing and yet not be the last
    at = last;
  }
}

/** The number of the last event: what is asked for is paged to its end. */
export async function newest(ask: Ask): Promise<number> {
  for (let last = 0; ;) {
    const page = await ask(last);
    const next = Math.max(page.next, page.events.at(-1)?.seq ?? 0);
    if (next <= last) return last;
    last = next;
  }
}

const SAID = new Set(["seq", "v", "type", "at", "run_id"]);

/** What an event says besides what it is, in a line: "task draw · volunteer v1 · indexes 1, 2 and 40 more". */
export function particulars(event: RunEvent): [string, string][] {
  return Object.entries(event)
    .filter(([key, value]) => !SAID.has(key) && value !== null && value !== undefined)
    .map(([key, value]) => [key, short(value)]);
}

const MOST = 8;

function short(value: unknown): string {
  if (!Array.isArray(value)) return typeof value === "object" ? write(value) : String(value);
  const text = value
    .slice(0, MOST)
    .map((item) => (typeof item === "object" ? write(item) : String(item)))
    .join(", ");
  return value.length > MOST ? `${text} … (${value.length})` : text;
}
