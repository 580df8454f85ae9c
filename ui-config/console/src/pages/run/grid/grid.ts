/**
 * The states of a run's subtasks, one byte each, as GET /v1/runs/{id}/grid sends them (docs/events.md, Grid),
 * and how events change them. Nothing here draws or fetches.
 */
import type { Told } from "../../../live/stream";

/** A cell's status is the place of its name here; 0 is a place without a subtask. */
export const STATUSES = ["QUEUED", "LEASED", "REPORTED", "COMPLETED", "FAILED", "CANCELLED", "DEAD"] as const;
export type CellStatus = (typeof STATUSES)[number];

const STATUS = 0b111;
const ATTEMPTS = 3; // bits to the right of those that count attempts
const EXACT = 3; // up to so many attempts a cell counts each

export function statusOf(cell: number): CellStatus | null {
  return STATUSES[(cell & STATUS) - 1] ?? null;
}

/** The fewest attempts that a cell stands for, in the steps 0, 1, 2, 3, 4, 8, 16, 32. */
export function attemptsOf(cell: number): number {
  const step = cell >> ATTEMPTS;
  return step <= EXACT ? step : 4 << (step - EXACT - 1);
}

function codeOf(status: string): number {
  return STATUSES.indexOf(status as CellStatus) + 1;
}

export interface Block {
  readonly name: string;
  /** One byte a subtask; there may be room for more than `count`. */
  cells: Uint8Array;
  count: number;
  /** How many of its cells have each status; at 0 those without a subtask. */
  readonly counts: Uint32Array;
  /** Of which volunteer a cell was last told, by its place in `Grid.volunteers` + 1. Made when first needed. */
  holders: Uint16Array | null;
}

export interface Grid {
  /** The number of the last event that is in it. */
  seq: number;
  readonly blocks: Block[];
  readonly places: Map<string, Block>;
  /** The ids of the volunteers that were told of. */
  readonly volunteers: string[];
  /** Rises when a cell changes; `shape` when cells are added or a block. */
  version: number;
  shape: number;
}

interface Head {
  v: number;
  seq: number;
  tasks: { name: string; at: number; count: number }[];
}

/** Read what the service sent. Raises Error where it is of a form that this console does not know. */
export function decode(body: ArrayBuffer): Grid {
  const bytes = new Uint8Array(body);
  const line = bytes.indexOf(10);
  const head: Head = JSON.parse(new TextDecoder().decode(bytes.subarray(0, Math.max(0, line))));
  if (head.v !== 1) throw new Error(`a grid of version ${head.v}`);
  const grid: Grid = { seq: head.seq, blocks: [], places: new Map(), volunteers: [], version: 0, shape: 0 };
  for (const { name, at, count } of head.tasks) {
    const block = add(grid, name);
    block.cells = bytes.slice(line + 1 + at, line + 1 + at + count);
    block.count = count;
    for (const cell of block.cells) block.counts[cell & STATUS]! += 1;
  }
  return grid;
}

function add(grid: Grid, name: string): Block {
  const block = { name, cells: new Uint8Array(0), count: 0, counts: new Uint32Array(STATUS + 1), holders: null };
  grid.blocks.push(block);
  grid.places.set(name, block);
  grid.shape += 1;
  return block;
}

/** Make room for cells up to `count`, in steps that double, so that growing one by one stays cheap. */
function reach(grid: Grid, block: Block, count: number): void {
  if (count <= block.count) return;
  if (count > block.cells.length) {
    const cells = new Uint8Array(Math.max(count, 2 * block.cells.length, 64));
    cells.set(block.cells);
    block.cells = cells;
    if (block.holders) {
      const holders = new Uint16Array(cells.length);
      holders.set(block.holders);
      block.holders = holders;
    }
  }
  block.counts[0]! += count - block.count;
  block.count = count;
  grid.shape += 1;
}

/** What an event does to each of the cells that it names. */
interface Change {
  status: number;
  /** "more": an attempt began; "none": the count begins anew. */
  attempts?: "more" | "none";
}

const BY_TYPE: Record<string, Change> = {
  "subtasks.queued": { status: codeOf("QUEUED"), attempts: "none" },
  "subtasks.leased": { status: codeOf("LEASED"), attempts: "more" },
  "subtasks.overdue": { status: codeOf("FAILED") },
  "subtasks.given_up": { status: codeOf("FAILED") },
  "subtasks.requeued": { status: codeOf("QUEUED") },
  "subtasks.called_back": { status: codeOf("QUEUED") },
  "subtasks.cancelled": { status: codeOf("CANCELLED") },
  "subtasks.forgotten": { status: 0, attempts: "none" },
};

function changeOf(told: Told): Change | null {
  const known = BY_TYPE[told.type];
  if (known) return known;
  // an attempt ended: .completed, .expired, ...
  const status = typeof told.status === "string" ? codeOf(told.status) : 0;
  return status > 0 ? { status } : null;
}

type Ranges = readonly (readonly [number, number])[];

function rangesOf(told: Told): Ranges {
  if (Array.isArray(told.batches)) return (told.batches as { ranges: Ranges }[]).flatMap((batch) => batch.ranges);
  return (told.ranges as Ranges | undefined) ?? [];
}

/** Change the cells that the events name. Those that the grid has already, and those of other runs, do nothing. */
export function apply(grid: Grid, runId: string, bundle: readonly Told[]): void {
  for (const told of bundle) {
    if (told.run_id !== runId || told.seq <= grid.seq || !told.type.startsWith("subtasks.")) continue;
    grid.seq = told.seq;
    const change = changeOf(told);
    if (!change || typeof told.task !== "string") continue;
    const block = grid.places.get(told.task) ?? add(grid, told.task);
    const holder = typeof told.volunteer === "string" ? placeOf(grid, told.volunteer) : 0;
    for (const index of (told.indexes as number[] | undefined) ?? []) set(grid, block, index, index, change, holder);
    for (const [first, last] of rangesOf(told)) set(grid, block, first, last, change, holder);
    grid.version += 1;
  }
}

function set(grid: Grid, block: Block, first: number, last: number, change: Change, holder: number): void {
  reach(grid, block, last + 1);
  const { cells, counts } = block;
  if (holder > 0) block.holders ??= new Uint16Array(cells.length);
  for (let index = first; index <= last; index += 1) {
    const cell = cells[index]!;
    let step = cell >> ATTEMPTS;
    if (change.attempts === "none") step = 0;
    else if (change.attempts === "more" && step <= EXACT) step += 1;
    counts[cell & STATUS]! -= 1;
    counts[change.status]! += 1;
    cells[index] = change.status | (step << ATTEMPTS);
    if (holder > 0) block.holders![index] = holder;
  }
}

function placeOf(grid: Grid, volunteer: string): number {
  const at = grid.volunteers.indexOf(volunteer);
  return at >= 0 ? at + 1 : grid.volunteers.push(volunteer);
}

/** Say which volunteer had a subtask last: known of those before the grid was opened from the run's timeline. */
export function hold(grid: Grid, task: string, index: number, volunteer: string): void {
  const block = grid.places.get(task);
  if (!block || index >= block.count) return;
  block.holders ??= new Uint16Array(block.cells.length);
  if (block.holders[index] === 0) block.holders[index] = placeOf(grid, volunteer);
}

/** How many subtasks have each status, in the order of STATUSES. */
export function totals(grid: Grid): number[] {
  return STATUSES.map((_, place) => grid.blocks.reduce((sum, block) => sum + block.counts[place + 1]!, 0));
}

/** Which cells stand out; the others are shown dimmed. Nothing chosen: all do. */
export interface Choice {
  statuses: ReadonlySet<CellStatus>;
  /** At least so many attempts. */
  attempts: number;
  volunteer: string | null;
}

export const ALL: Choice = { statuses: new Set(), attempts: 0, volunteer: null };

/** For each of the 64 kinds of cell, whether it stands out; volunteers are looked at cell by cell. */
export function chosen(choice: Choice): Uint8Array {
  const kinds = new Uint8Array(64);
  for (let cell = 0; cell < 64; cell += 1) {
    const status = statusOf(cell);
    const fits = status !== null && (choice.statuses.size === 0 || choice.statuses.has(status));
    kinds[cell] = fits && attemptsOf(cell) >= choice.attempts ? 1 : 0;
  }
  return kinds;
}

/** How many subtasks stand out. */
export function countChosen(grid: Grid, choice: Choice): number {
  const kinds = chosen(choice);
  const holder = choice.volunteer === null ? -1 : grid.volunteers.indexOf(choice.volunteer) + 1;
  let count = 0;
  for (const { cells, count: size, holders } of grid.blocks) {
    for (let index = 0; index < size; index += 1) {
      if (kinds[cells[index]!] === 1 && (holder < 0 || (holder > 0 && holders?.[index] === holder))) count += 1;
    }
  }
  return count;
}
