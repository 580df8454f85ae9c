/**
 * Where the boxes of tasks lie: what depends on something lies right of it, or below it. Loads dagre, so it is imported
 * by what is loaded lazily alone.
 */
import { Graph, layout } from "@dagrejs/dagre";
import { depths } from "./dependencies";

/** dagre takes seconds for a thousand tasks; above this many they are only put into columns (decision 0060). */
export const FEW = 150;
const SWEEPS = 4;

export interface Point {
  x: number;
  y: number;
}
export type Places = Readonly<Record<string, Point>>;

/** A task's box in pixels, and the room between two of them: `along` the way of the work, and `across` it. */
export interface Shape {
  width: number;
  height: number;
  along: number;
  across: number;
}

interface Task {
  name: string;
  dependencies: readonly string[];
}

/** The upper left corner of each task's box, from left to right or `down`; the same tasks get the same places. */
export function arrange(tasks: readonly Task[], shape: Shape, down = false): Places {
  return tasks.length <= FEW ? byDagre(tasks, shape, down) : byColumns(tasks, shape, down);
}

function byDagre(tasks: readonly Task[], { width, height, along, across }: Shape, down: boolean): Places {
  const graph = new Graph();
  graph.setGraph({ rankdir: down ? "TB" : "LR", ranksep: along, nodesep: across });
  graph.setDefaultEdgeLabel(() => ({}));
  const ids = new Map(tasks.map(({ name }, at) => [name, String(at)])); // not names: dagre stumbles over "constructor"
  for (const id of ids.values()) graph.setNode(id, { width, height });
  for (const { name, dependencies } of tasks)
    for (const other of dependencies) if (ids.has(other)) graph.setEdge(ids.get(other)!, ids.get(name)!);
  layout(graph);
  return Object.fromEntries(
    tasks.map(({ name }) => {
      const { x, y } = graph.node(ids.get(name)!) as Point;
      return [name, { x: Math.round(x - width / 2), y: Math.round(y - height / 2) }];
    }),
  );
}

/** Columns by the longest way; in each, a task stands near the middle of its neighbours in the column before. */
function byColumns(tasks: readonly Task[], { width, height, along, across }: Shape, down: boolean): Places {
  const depth = depths(tasks);
  const columns: string[][] = [];
  for (const { name } of tasks) (columns[depth.get(name) ?? 0] ??= []).push(name);
  const upstream = new Map(
    tasks.map(({ name, dependencies }) => [name, dependencies.filter((other) => depth.has(other))]),
  );
  const downstream = new Map<string, string[]>();
  for (const [name, others] of upstream)
    for (const other of others) downstream.set(other, [...(downstream.get(other) ?? []), name]);
  const row = new Map<string, number>();
  const settle = (column: string[]) => column.forEach((name, index) => row.set(name, index - (column.length - 1) / 2));
  for (const column of columns) settle(column ?? []);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const neighbours = sweep % 2 ? downstream : upstream;
    for (const column of sweep % 2 ? columns.toReversed() : columns) {
      const middle = new Map(
        column.map((name) => [
          name,
          mean((neighbours.get(name) ?? []).map((other) => row.get(other)!)) ?? row.get(name)!,
        ]),
      );
      column.sort((a, b) => middle.get(a)! - middle.get(b)!);
      settle(column);
    }
  }
  return Object.fromEntries(
    tasks.map(({ name }) => {
      const [step, line] = [depth.get(name) ?? 0, row.get(name)!];
      return [
        name,
        down
          ? { x: line * (width + across), y: step * (height + along) }
          : { x: step * (width + along), y: line * (height + across) },
      ];
    }),
  );
}

function mean(values: readonly number[]): number | null {
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
}
