import { expect, test } from "vitest";
import type { Run, RunTask } from "../../../api/runs";
import { ordered } from "../../../graph/dependencies";
import { below, doing, nodesOf } from "./graph";
import { place } from "./layout";

const spec = {
  cleanup: "withdraw",
  tasks: [
    { name: "report", dependencies: ["draw", "ask"], command: ["python3", "report.py"] },
    { name: "draw", python: { file: "image.py", function: "draw" } },
    { name: "ask", dependencies: ["draw"], wait: { signal: "approve", timeout: 60 } },
    { name: "withdraw", sleep: 5 },
  ],
};
const task = (name: string, status: RunTask["status"] = "RUNNING"): RunTask => ({
  name,
  status,
  total: 4,
  queued: 1,
  leased: 1,
  completed: 2,
  failed: 0,
  cancelled: 0,
  parts: 4,
  failed_parts: 0,
  progress: 0.5,
  error: null,
  error_told: null,
  child_run_id: null,
  result_bytes: null,
});
const run = (tasks: RunTask[], paused: string[] = []): Pick<Run, "tasks" | "paused_tasks" | "workflow_id"> => ({
  tasks,
  paused_tasks: paused,
  workflow_id: "w1",
});

test("tasks may be called as what every object has", () => {
  const [one, other] = place(
    [
      ["constructor", []],
      ["valueof", ["constructor"]],
    ],
    false,
  );
  expect(other!.x).toBeGreaterThan(one!.x);
});

test("the whole graph is there from the start, with what the run tells of it", () => {
  const nodes = nodesOf(spec, run([task("draw")], ["draw"]));
  expect(
    nodes.map(({ name, kind, paused, cleanUp, task }) => [name, kind, paused, cleanUp, task?.status ?? null]),
  ).toEqual([
    ["report", "command", false, false, null],
    ["draw", "python", true, false, "RUNNING"],
    ["ask", "wait", false, false, null],
    ["withdraw", "sleep", false, true, null],
  ]);
  expect(nodes.map(doing)).toEqual(["python3 report.py", "image.py: draw()", "approve", "5"]);
});

test.each([
  ["an engineer's flow", "", "flow"],
  ["a run whose workflow is deleted", "w1", "unknown"],
])("tasks of %s are shown as they come", (_, workflow_id, kind) => {
  const nodes = nodesOf(null, { ...run([task("sum-1"), task("wait-go-1")]), workflow_id });
  expect(nodes.map(({ name, kind }) => [name, kind])).toEqual([
    ["sum-1", kind],
    ["wait-go-1", kind],
  ]);
});

test("the outline tells each task after what it depends on", () => {
  expect(ordered(nodesOf(spec, run([]))).map(({ task }) => task.name)).toEqual(["draw", "withdraw", "ask", "report"]);
});

test("all that follows from a task is found", () => {
  const nodes = nodesOf(spec, run([]));
  expect(below(nodes, "draw")).toEqual(["report", "ask"]);
  expect(below(nodes, "report")).toEqual([]);
});

test("nodes lie after what they depend on, and on no other one", () => {
  const tasks: [string, string[]][] = [
    ["d", ["b", "c"]],
    ["a", []],
    ["b", ["a"]],
    ["c", ["a", "gone"]],
  ];
  const places = new Map(place(tasks, false).map(({ name, x, y }) => [name, { x, y }]));
  for (const [name, dependencies] of tasks)
    for (const other of dependencies)
      if (places.has(other)) expect(places.get(other)!.x).toBeLessThan(places.get(name)!.x);
  expect(new Set([...places.values()].map(({ x, y }) => `${x} ${y}`)).size).toBe(4);
});

test("a thousand tasks are laid out at once", () => {
  const tasks = Array.from({ length: 1000 }, (_, at): [string, string[]] => [
    `t${at}`,
    at < 10 ? [] : [`t${at - 10}`, `t${at - 7}`],
  ]);
  const began = performance.now();
  expect(place(tasks, false)).toHaveLength(1000);
  expect(performance.now() - began).toBeLessThan(2_000);
});
