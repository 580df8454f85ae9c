/** Decides where tasks stand on the canvas: what depends on something stands to the right of it. */
import dagre from "@dagrejs/dagre";
import { depths } from "./graph";

export const WIDTH = 208;
export const HEIGHT = 60;
const COLUMN = WIDTH + 84;
const ROW = HEIGHT + 28;
/** dagre takes seconds for a thousand tasks; above this many they are only put into columns (decision 0060). */
export const FEW = 150;
const SWEEPS = 4;

export interface Point {
  x: number;
  y: number;
}
export type Places = Readonly<Record<string, Point>>;

interface Node {
  id: string;
  dependencies: readonly string[];
}

/** A place for each task; the same tasks get the same places. */
export function arrange(tasks: readonly Node[]): Places {
  return tasks.length <= FEW ? byDagre(tasks) : byColumns(tasks);
}

function byDagre(tasks: readonly Node[]): Places {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "LR", ranksep: COLUMN - WIDTH, nodesep: ROW - HEIGHT });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id } of tasks) graph.setNode(id, { width: WIDTH, height: HEIGHT });
  for (const { id, dependencies } of tasks) for (const name of dependencies) if (graph.hasNode(name)) graph.setEdge(name, id);
  dagre.layout(graph);
  return Object.fromEntries(
    tasks.map(({ id }) => {
      const { x, y } = graph.node(id) as Point;
      return [id, { x: Math.round(x - WIDTH / 2), y: Math.round(y - HEIGHT / 2) }];
    }),
  );
}

/** Columns by the longest way; in each, a task stands near the middle of its neighbours in the column before. */
function byColumns(tasks: readonly Node[]): Places {
  const depth = depths(tasks.map(({ id, dependencies }) => ({ name: id, dependencies })));
  const columns: string[][] = [];
  for (const { id } of tasks) (columns[depth.get(id) ?? 0] ??= []).push(id);
  const upstream = new Map(tasks.map(({ id, dependencies }) => [id, dependencies.filter((name) => depth.has(name))]));
  const downstream = new Map<string, string[]>();
  for (const [id, names] of upstream) for (const name of names) downstream.set(name, [...(downstream.get(name) ?? []), id]);
  const row = new Map<string, number>();
  const settle = (column: string[]) => column.forEach((id, index) => row.set(id, index - (column.length - 1) / 2));
  for (const column of columns) settle(column ?? []);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const neighbours = sweep % 2 ? downstream : upstream;
    for (const column of sweep % 2 ? columns.toReversed() : columns) {
      const middle = new Map(column.map((id) => [id, mean((neighbours.get(id) ?? []).map((name) => row.get(name)!)) ?? row.get(id)!]));
      column.sort((a, b) => middle.get(a)! - middle.get(b)!);
      settle(column);
    }
  }
  return Object.fromEntries(tasks.map(({ id }) => [id, { x: (depth.get(id) ?? 0) * COLUMN, y: row.get(id)! * ROW }]));
}

function mean(values: readonly number[]): number | null {
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
}

/** Places for all: those that have one keep it, new ones stand right of what they depend on, else below everything. */
export function place(tasks: readonly Node[], kept: Places): Places {
  const places: Record<string, Point> = {};
  for (const { id } of tasks) if (kept[id]) places[id] = kept[id];
  if (Object.keys(places).length === 0) return arrange(tasks);
  const taken = new Set(Object.values(places).map(cell));
  for (const { id, dependencies } of tasks) {
    if (places[id]) continue;
    const before = dependencies.map((name) => places[name]).filter((point) => point !== undefined);
    const all = Object.values(places);
    let point = before.length
      ? { x: Math.max(...before.map(({ x }) => x)) + COLUMN, y: before[0]!.y }
      : { x: Math.min(...all.map(({ x }) => x)), y: Math.max(...all.map(({ y }) => y)) + ROW };
    while (taken.has(cell(point))) point = { x: point.x, y: point.y + ROW };
    taken.add(cell(point));
    places[id] = point;
  }
  return places;
}

const MARGIN = 40; // pixels
const SMALLEST = 0.5; // names can be read

/** How to look at tasks in a frame of that size: at all of them, or where they would be too small, at where they begin. */
export function viewOf(points: readonly Point[], frame: { width: number; height: number }): { x: number; y: number; zoom: number } {
  const left = Math.min(...points.map(({ x }) => x));
  const top = Math.min(...points.map(({ y }) => y));
  const width = Math.max(...points.map(({ x }) => x)) + WIDTH - left;
  const height = Math.max(...points.map(({ y }) => y)) + HEIGHT - top;
  const whole = Math.min((frame.width - 2 * MARGIN) / width, (frame.height - 2 * MARGIN) / height);
  const zoom = Math.min(1, Math.max(SMALLEST, whole));
  const along = (from: number, length: number, room: number) => (length * zoom > room - 2 * MARGIN ? MARGIN : (room - length * zoom) / 2) - from * zoom;
  return { x: along(left, width, frame.width), y: along(top, height, frame.height), zoom };
}

/** The point, or where it would cover a task, the next one below that does not. */
export function free(point: Point, others: readonly Point[]): Point {
  const covers = (other: Point) => Math.abs(other.x - point.x) < WIDTH && Math.abs(other.y - point.y) < HEIGHT;
  while (others.some(covers)) point = { x: point.x, y: point.y + ROW };
  return point;
}

function cell({ x, y }: Point): string {
  return `${Math.round(x / WIDTH)} ${Math.round(y / ROW)}`;
}
