/** Where the nodes of a run's graph lie. */
import { arrange, type Point } from "../../../graph/arrange";

export const WIDTH = 210;
export const HEIGHT = 96;

export interface Placed extends Point {
  name: string;
}

/** `tasks` are [name, dependencies]; from left to right, or from the top down where there is little room. */
export function place(tasks: readonly (readonly [string, readonly string[]])[], down: boolean): Placed[] {
  const nodes = tasks.map(([name, dependencies]) => ({ name, dependencies }));
  const places = arrange(nodes, { width: WIDTH, height: HEIGHT, along: 56, across: 28 }, down);
  return nodes.map(({ name }) => ({ name, ...places[name]! }));
}
