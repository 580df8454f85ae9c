/** Where tasks stand on the canvas of the editor. */
import { own } from "../../api/own";
import { arrange, type Places, type Point, type Shape } from "../../graph/arrange";

export const WIDTH = 208;
export const HEIGHT = 60;
export const SHAPE: Shape = { width: WIDTH, height: HEIGHT, along: 84, across: 28 };
const COLUMN = WIDTH + SHAPE.along;
const ROW = HEIGHT + SHAPE.across;

interface Node {
  id: string;
  dependencies: readonly string[];
}

/** Places for all: those that have one keep it, new ones stand right of what they depend on, else below everything. */
export function place(tasks: readonly Node[], kept: Places): Places {
  const places: Record<string, Point> = {};
  for (const { id } of tasks) {
    const point = own(kept, id);
    if (point) places[id] = point;
  }
  if (Object.keys(places).length === 0)
    return arrange(
      tasks.map(({ id, dependencies }) => ({ name: id, dependencies })),
      SHAPE,
    );
  const taken = new Set(Object.values(places).map(cell));
  for (const { id, dependencies } of tasks) {
    if (own(places, id)) continue;
    const before = dependencies.map((name) => own(places, name)).filter((point) => point !== undefined);
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

/** The view of the tasks in a frame of this size: all of them, or the first ones if all would be too small to read. */
export function viewOf(
  points: readonly Point[],
  frame: { width: number; height: number },
): { x: number; y: number; zoom: number } {
  const left = Math.min(...points.map(({ x }) => x));
  const top = Math.min(...points.map(({ y }) => y));
  const width = Math.max(...points.map(({ x }) => x)) + WIDTH - left;
  const height = Math.max(...points.map(({ y }) => y)) + HEIGHT - top;
  const whole = Math.min((frame.width - 2 * MARGIN) / width, (frame.height - 2 * MARGIN) / height);
  const zoom = Math.min(1, Math.max(SMALLEST, whole));
  const along = (from: number, length: number, room: number) =>
    (length * zoom > room - 2 * MARGIN ? MARGIN : (room - length * zoom) / 2) - from * zoom;
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
