import { expect, test } from "vitest";
import { looksRecorded, taskLines } from "./documents";

test("tasks come in the order in which they can begin", () => {
  const spec = {
    tasks: [
      { name: "report", command: ["python3", "report.py", "{factor.result}"] },
      { name: "factor", command: "python3 factor.py {part}", split: { lines: "exponents" } },
      { name: "tell", sleep: "1s", dependencies: ["report"] },
    ],
  };
  expect(taskLines(spec)).toEqual([
    { name: "factor", kind: "command", dependencies: [], split: true, step: 0 },
    { name: "report", kind: "command", dependencies: ["factor"], split: false, step: 1 },
    { name: "tell", kind: "sleep", dependencies: ["report"], split: false, step: 2 },
  ]);
});

test("what failed of a task is known after it, as its result is, and literal braces name no task", () => {
  const spec = {
    tasks: [
      { name: "again", command: "./again", split: { items: ["{draw.failed}"] } },
      { name: "tell", command: 'echo {{draw.result}} "${draw.failed}"' },
      { name: "both", python: { function: "f" }, parameters: { holes: "{draw.failed}", all: "x {again.result}" } },
      { name: "draw", command: "./draw" },
    ],
  };
  expect(taskLines(spec).map((task) => [task.name, task.step, task.dependencies])).toEqual([
    ["tell", 0, []],
    ["draw", 0, []],
    ["again", 1, ["draw"]],
    ["both", 2, ["draw", "again"]],
  ]);
});

test("a circle and a name that nobody has do no harm", () => {
  const spec = {
    tasks: [
      { name: "a", python: {}, dependencies: ["b", "nobody"] },
      { name: "b", wait: {}, dependencies: ["a"] },
    ],
  };
  expect(
    taskLines(spec)
      .map((task) => task.name)
      .toSorted(),
  ).toEqual(["a", "b"]);
  expect(taskLines({})).toEqual([]);
});

test("a recorded workflow is told from one of ours", () => {
  expect(looksRecorded('{"name": "montage", "schemaVersion": "1.5", "workflow": {}}')).toBe(true);
  expect(looksRecorded('{"name": "mine", "tasks": []}')).toBe(false);
  expect(looksRecorded("name: mine\nworkflow: {schemaVersion: x}")).toBe(false);
});
