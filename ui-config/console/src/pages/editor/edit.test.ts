import { readFileSync } from "node:fs";
import { join as path } from "node:path";
import { expect, test } from "vitest";
import {
  addTask,
  codeIn,
  connect,
  copyOf,
  disconnect,
  paste,
  removeTasks,
  rename,
  setField,
  setKind,
  setTaskField,
} from "./edit";
import { read } from "./model";

const MERSENNE = readFileSync(
  path(import.meta.dirname, "../../../../../flows/library/mersenne_factors/workflow.yaml"),
  "utf8",
);
const SMALL = `# about this
name: small   # two spaces kept
tasks:
  # the first
  - name: a
    command: echo {b.result}   # odd spacing

  # the second
  - name: b
    command: [cat, "{a.result}"]
    dependencies: [a]
    parameters: {x: "{a.result}"}
# the end
cleanup: b
`;

/** The lines that are in one text only. */
function changed(before: string, after: string): string[] {
  const [old, now] = [before.split("\n"), after.split("\n")];
  return [
    ...old.filter((line) => !now.includes(line)).map((line) => `-${line}`),
    ...now.filter((line) => !old.includes(line)).map((line) => `+${line}`),
  ];
}

test("a change writes no other line anew", () => {
  expect(changed(MERSENNE, setField(read(MERSENNE), ["name"], "factors"))).toEqual([
    "-name: mersenne-factors",
    "+name: factors",
  ]);
  expect(changed(SMALL, setTaskField(read(SMALL), 1, ["parameters", "y"], 2))).toEqual([
    '-    parameters: {x: "{a.result}"}',
    '+    parameters: {x: "{a.result}", y: 2}',
  ]);
});

test("comments stay where an edited task has them", () => {
  const text = setTaskField(read(SMALL), 0, ["priority"], 9);
  expect(text).toContain("echo {b.result} # odd spacing");
  expect(text).toContain("  # the first\n  - name: a\n");
  expect(text).toContain("\n\n  # the second\n  - name: b\n");
});

test("a new field of the workflow stands before the tasks, in the usual order", () => {
  const text = setField(read(SMALL), ["parameters", "bound"], 5);
  expect(text).toContain("name: small   # two spaces kept\nparameters:\n  bound: 5\ntasks:\n");
  expect(setField(read(text), ["parameters", "bound"], undefined)).toBe(SMALL);
});

test("what is empty without a field goes with it", () => {
  const text = setTaskField(read(SMALL), 0, ["retry", "maximum_attempts"], 2);
  expect(read(text).tasks[0]!.fields.retry).toEqual({ maximum_attempts: 2 });
  expect(
    read(setTaskField(read(text), 0, ["retry", "maximum_attempts"], undefined)).tasks[0]!.fields,
  ).not.toHaveProperty("retry");
});

test("source of several lines stands as it is written", () => {
  const source = "def run(part):\n    # twice\n    return part * 2\n";
  let text = setKind(read(SMALL), 0, "python");
  text = setTaskField(read(text), 0, ["python", "source"], source);
  expect(text).toContain("      source: |\n        def run(part):\n            # twice\n");
  expect(read(text).tasks[0]!.fields.python).toEqual({ function: "run", source });
  expect(read(text).tasks).toHaveLength(2);
});

test("a source in a list on one line is opened up", () => {
  const text = setTaskField(
    read("name: x\ntasks:\n- name: p\n  python: {function: f, source: ''}\n"),
    0,
    ["python", "source"],
    "def f():\n    pass\n",
  );
  expect(text).toContain("source: |\n");
  expect(read(text).tasks[0]!.fields.python).toEqual({ function: "f", source: "def f():\n    pass\n" });
});

test("what a function is told beside where its code is stays when the code moves", () => {
  const python = { function: "f", isolate: true, source: "def f():\n    return 1\n" };
  const moved = codeIn(python, { file: "f.py" });
  expect(moved).toEqual({ function: "f", isolate: true, file: "f.py" });
  expect(codeIn(moved, { source: "" })).toEqual({ function: "f", isolate: true, source: "" });
});

test("renaming a task renames it in dependencies, placeholders and the clean-up", () => {
  const model = read(rename(read(SMALL), 0, "first"));
  expect(model.tasks[1]!.fields).toEqual({
    name: "b",
    command: ["cat", "{first.result}"],
    dependencies: ["first"],
    parameters: { x: "{first.result}" },
  });
  const other = read(rename(read(SMALL), 1, "second"));
  expect(other.tasks[0]!.fields.command).toBe("echo {second.result}");
  expect(other.fields.cleanup).toBe("second");
});

test("a task is renamed inside longer words too, but not in literal braces", () => {
  const text =
    "name: x\ntasks:\n  - name: a\n" +
    "    command: echo x{a.result}y {a.failed} {{a.result}} ${a.result} {{{a.result}}}\n" +
    "    split: {items: ['{a.result}']}\n";
  const fields = read(rename(read(text), 0, "c")).tasks[0]!.fields;
  expect(fields.command).toBe("echo x{c.result}y {c.failed} {{a.result}} ${a.result} {{{c.result}}}");
  expect(fields.split).toEqual({ items: ["{c.result}"] });
});

test("removing tasks removes the dependencies on them, and the clean-up", () => {
  const model = read(removeTasks(read(SMALL), new Set(["b"])));
  expect(model.tasks.map((task) => task.name)).toEqual(["a"]);
  expect(model.fields).not.toHaveProperty("cleanup");
  expect(read(removeTasks(read(MERSENNE), new Set(["factor"]))).tasks[0]!.fields).not.toHaveProperty("dependencies");
});

test("removing the last task leaves a list that can be added to", () => {
  const none = removeTasks(read(SMALL), new Set(["a", "b"]));
  expect(read(none).tasks).toEqual([]);
  expect(read(none).faults).toEqual([]);
  const { text, name } = addTask(read(none), "sleep");
  expect(read(text).tasks.map((task) => [task.name, task.fields.sleep])).toEqual([[name, "10m"]]);
});

test("the first task makes a workflow of an empty text", () => {
  const { text } = addTask(read(""), "command");
  expect(text).toBe("name: my-workflow\ntasks:\n  - name: command\n    command: echo hello\n");
  expect(read(addTask(read(text), "command").text).tasks.map((task) => task.name)).toEqual(["command", "command-2"]);
});

test("a dependency that closes a circle is refused with the way around", () => {
  expect(connect(read(SMALL), "b", "a")).toEqual({ circle: ["a", "b", "a"] });
  expect(connect(read(SMALL), "a", "a")).toEqual({ circle: ["a", "a"] });
});

test("dependencies come and go", () => {
  const { text } = addTask(read(SMALL), "wait");
  const made = connect(read(text), "b", "wait");
  if (!("text" in made)) throw new Error("refused");
  expect(read(made.text).tasks[2]!.dependencies).toEqual(["b"]);
  expect(disconnect(read(made.text), [{ from: "b", to: "wait" }])).toBe(text);
});

test("what is pasted gets names of its own, and keeps its references among itself", () => {
  const copied = copyOf(read(SMALL), new Set(["a", "b"]));
  const pasted = paste(read(SMALL), copied);
  expect(pasted?.names).toEqual(["a-2", "b-2"]);
  const model = read(pasted!.text);
  expect(model.faults).toEqual([]);
  expect(model.tasks[2]!.fields.command).toBe("echo {b-2.result}");
  expect(model.tasks[3]!.fields).toEqual({
    name: "b-2",
    command: ["cat", "{a-2.result}"],
    dependencies: ["a-2"],
    parameters: { x: "{a-2.result}" },
  });
  expect(pasted!.text.startsWith(SMALL.split("# the end")[0]!)).toBe(true);
});

test("pasting elsewhere drops dependencies on what is not there", () => {
  const pasted = paste(read("name: other\ntasks: []\n"), copyOf(read(SMALL), new Set(["b"])));
  expect(read(pasted!.text).tasks[0]!.fields).not.toHaveProperty("dependencies");
  expect(paste(read(SMALL), "just words")).toBeNull();
  expect(paste(read(SMALL), "- 1\n- 2\n")).toBeNull();
});

test("a workflow written as JSON is written anew when it is changed", () => {
  const json = '{"name": "j", "tasks": [{"name": "a", "command": ["echo", "1"]}]}';
  const text = setTaskField(read(json), 0, ["priority"], 3);
  expect(read(text).pieces).not.toBeNull();
  expect(read(text).tasks[0]!.fields).toEqual({ name: "a", command: ["echo", "1"], priority: 3 });
});

test("a kind that needs no volunteers drops what only volunteers use", () => {
  expect(read(setKind(read(MERSENNE), 0, "sleep")).tasks[0]!.fields).toEqual({ name: "factor", sleep: "10m" });
});
