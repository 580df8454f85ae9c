/** Who ran what when, as lanes and rows to be drawn. Times in ms. Nothing here draws or fetches. */
import type { Timeline } from "../../../api/runs";

export interface Span {
  task: string;
  index: number;
  start: number;
  /** null: it goes on. */
  end: number | null;
  outcome: string;
}

export interface Lane {
  volunteer: string;
  name: string;
  /** Rows of spans that do not overlap, each in the order of their starts. */
  rows: Span[][];
}

/** A lane for each volunteer, the one that began first on top; what it did at the same time lies in several rows. */
export function lanesOf({ volunteers, tasks, spans }: Pick<Timeline, "volunteers" | "tasks" | "spans">): Lane[] {
  const byVolunteer = new Map<number, Span[]>();
  for (const [volunteer, task, index, start, end, outcome] of spans) {
    const own = byVolunteer.get(volunteer);
    const span = { task: tasks[task]!, index, start, end, outcome };
    if (own) own.push(span);
    else byVolunteer.set(volunteer, [span]);
  }
  const lanes = [...byVolunteer].map(([volunteer, own]): Lane => {
    own.sort((a, b) => a.start - b.start);
    return { volunteer: volunteers[volunteer]!.id, name: volunteers[volunteer]!.name, rows: rowsOf(own) };
  });
  return lanes.sort((a, b) => a.rows[0]![0]!.start - b.rows[0]![0]!.start);
}

/** Put spans, sorted by their starts, in the first row that is free then. */
function rowsOf(spans: readonly Span[]): Span[][] {
  const rows: Span[][] = [];
  const free: number[] = [];
  for (const span of spans) {
    let at = free.findIndex((time) => time <= span.start);
    if (at < 0) at = rows.push([]) - 1;
    rows[at]!.push(span);
    free[at] = span.end ?? Infinity;
  }
  return rows;
}

export interface Period {
  from: number;
  until: number;
}

const LEAST = 1000; // ms; a run that took no time still has a width

export function wholePeriod(lanes: readonly Lane[], now: number): Period {
  let [from, until] = [Infinity, -Infinity];
  for (const { rows } of lanes) {
    for (const row of rows) {
      for (const { start, end } of row) {
        from = Math.min(from, start);
        until = Math.max(until, end ?? now);
      }
    }
  }
  if (from > until) return { from: now - LEAST, until: now };
  return { from, until: Math.max(until, from + LEAST) };
}

/** The period `by` times as long around a moment that stays where it is, within the whole. */
export function zoomed(period: Period, whole: Period, by: number, around: number): Period {
  const length = Math.min(whole.until - whole.from, Math.max(100, (period.until - period.from) * by));
  const share = (around - period.from) / (period.until - period.from);
  return within({ from: around - share * length, until: around + (1 - share) * length }, whole);
}

/** The period moved by some ms, within the whole. */
export function within({ from, until }: Period, whole: Period): Period {
  const length = until - from;
  const begin = Math.max(whole.from, Math.min(whole.until - length, from));
  return { from: begin, until: begin + length };
}

const STEPS = [
  0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800,
  604800,
];

/** Moments to write at the top: round ones, at most `most` of them. */
export function ticks({ from, until }: Period, most: number): number[] {
  const step = 1000 * (STEPS.find((each) => (until - from) / (1000 * each) <= most) ?? (until - from) / most / 1000);
  const first = Math.ceil(from / step) * step;
  return Array.from({ length: Math.max(0, Math.floor((until - first) / step) + 1) }, (_, at) => first + at * step);
}

export interface Spot {
  lane: number;
  row: number;
  at: number;
}

/** The span that a moment falls on, or that lies nearest to it by `reach` ms. */
export function spanAt(
  lanes: readonly Lane[],
  lane: number,
  row: number,
  time: number,
  reach: number,
  now: number,
): Spot | null {
  const spans = lanes[lane]?.rows[row];
  if (!spans) return null;
  let best: number | null = null;
  let distance = reach;
  spans.forEach(({ start, end }, at) => {
    const off = time < start ? start - time : Math.max(0, time - (end ?? now));
    if (off <= distance) [best, distance] = [at, off];
  });
  return best === null ? null : { lane, row, at: best };
}

export type Turn = "left" | "right" | "up" | "down" | "home" | "end";

/** Where the cursor goes from a span: along its row, or to what was done at that time in the next one. */
export function turned(lanes: readonly Lane[], from: Spot | null, turn: Turn): Spot | null {
  const row = from && lanes[from.lane]?.rows[from.row];
  if (!from || !row) return lanes.length > 0 ? { lane: 0, row: 0, at: 0 } : null;
  if (turn === "left") return { ...from, at: Math.max(0, from.at - 1) };
  if (turn === "right") return { ...from, at: Math.min(row.length - 1, from.at + 1) };
  if (turn === "home") return { ...from, at: 0 };
  if (turn === "end") return { ...from, at: row.length - 1 };
  const rows = lanes.flatMap((lane, place) => lane.rows.map((spans, number) => ({ place, number, spans })));
  const here = rows.findIndex(({ place, number }) => place === from.lane && number === from.row);
  const next = rows[here + (turn === "up" ? -1 : 1)];
  if (!next) return from;
  const time = row[Math.min(from.at, row.length - 1)]!.start;
  const after = next.spans.findIndex(({ start }) => start >= time);
  return { lane: next.place, row: next.number, at: after < 0 ? next.spans.length - 1 : after };
}
