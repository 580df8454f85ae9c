/** Where the nodes of a graph lie. Loads dagre, so it is imported by what is loaded lazily alone. */
import { Graph, layout } from "@dagrejs/dagre";

export const WIDTH = 210;
export const HEIGHT = 84;

export interface Placed {
  name: string;
  x: number;
  y: number;
}

/** `tasks` are [name, dependencies]; from left to right, or from the top down where there is little room. */
export function place(tasks: readonly (readonly [string, readonly string[]])[], down: boolean): Placed[] {
  const graph = new Graph();
  graph.setGraph({ rankdir: down ? "TB" : "LR", nodesep: 28, ranksep: 56, ranker: tasks.length > 200 ? "longest-path" : "network-simplex" });
  graph.setDefaultEdgeLabel(() => ({}));
  const known = new Set(tasks.map(([name]) => name));
  for (const [name] of tasks) graph.setNode(name, { width: WIDTH, height: HEIGHT });
  for (const [name, dependencies] of tasks) for (const other of dependencies) if (known.has(other)) graph.setEdge(other, name);
  layout(graph);
  return tasks.map(([name]) => {
    const { x, y } = graph.node(name) as { x: number; y: number };
    return { name, x: x - WIDTH / 2, y: y - HEIGHT / 2 };
  });
}
