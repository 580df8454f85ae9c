import { expect, test } from "vitest";
import { circle, depths, ordered } from "../../graph/dependencies";
import { arrange } from "../../graph/arrange";
import { free, HEIGHT, place, SHAPE, viewOf, WIDTH } from "./layout";

function chainOf(count: number, wide: number) {
  return Array.from({ length: count }, (_, index) => ({
    id: `t${index}`,
    name: `t${index}`,
    dependencies: index < wide ? [] : [`t${index - wide}`],
  }));
}

test.each([
  [12, 3],
  [1000, 20],
])("of %i tasks none covers another, and each is right of what it depends on", (count, wide) => {
  const tasks = chainOf(count, wide);
  const places = arrange(tasks, SHAPE);
  const points = Object.values(places);
  expect(points).toHaveLength(count);
  for (const { id, dependencies } of tasks)
    for (const name of dependencies) expect(places[id]!.x).toBeGreaterThanOrEqual(places[name]!.x + WIDTH);
  const taken = new Set<string>();
  for (const { x, y } of points) taken.add(`${x} ${Math.floor(y / HEIGHT)}`);
  expect(taken.size).toBe(count);
});

test("a circle does not stop the layout", () => {
  const ring = Array.from({ length: 200 }, (_, index) => ({
    name: `r${index}`,
    dependencies: [`r${(index + 1) % 200}`],
  }));
  expect(Object.keys(arrange(ring, SHAPE))).toHaveLength(200);
  expect(Object.keys(arrange(ring.slice(0, 5), SHAPE))).toHaveLength(5);
});

test("tasks that have a place keep it, new ones get a free one", () => {
  const tasks = chainOf(4, 1);
  const kept = { t0: { x: 5, y: 7 }, t1: { x: 400, y: 7 } };
  const places = place(tasks, kept);
  expect(places.t0).toEqual({ x: 5, y: 7 });
  expect(new Set(Object.values(places).map(({ x, y }) => `${x} ${y}`)).size).toBe(4);
  expect(place(tasks.slice(0, 1), kept)).toEqual({ t0: { x: 5, y: 7 } });
});

test("depth is the longest way", () => {
  const tasks = [
    { name: "c", dependencies: ["a", "b"] },
    { name: "a", dependencies: [] },
    { name: "b", dependencies: ["a", "gone"] },
  ];
  expect(Object.fromEntries(depths(tasks))).toEqual({ a: 0, b: 1, c: 2 });
  expect(ordered(tasks).map(({ task }) => task.name)).toEqual(["a", "b", "c"]);
  expect(circle(tasks, "c", "a")).toEqual(["a", "c", "a"]);
  expect(circle(tasks, "a", "c")).toBeNull();
});

test("what is dropped onto a task stands below it", () => {
  expect(free({ x: 10, y: 10 }, [{ x: 500, y: 10 }])).toEqual({ x: 10, y: 10 });
  const point = free({ x: 10, y: 10 }, [
    { x: 50, y: 20 },
    { x: 0, y: 90 },
  ]);
  expect(point.x).toBe(10);
  expect(point.y).toBeGreaterThanOrEqual(90 + HEIGHT);
});

test("few tasks are seen in the middle, very many from where they begin", () => {
  const frame = { width: 1000, height: 600 };
  const one = viewOf([{ x: 100, y: 100 }], frame);
  expect([one.zoom, one.x + 100, one.y + 100]).toEqual([1, (1000 - WIDTH) / 2, (600 - HEIGHT) / 2]);
  const many = viewOf(
    Array.from({ length: 100 }, (_, at) => ({ x: at * 300, y: 0 })),
    frame,
  );
  expect(many.zoom).toBe(0.5);
  expect(many.x).toBe(40);
});
