import { expect, test } from "vitest";
import { write } from "../../api/exact";
import { setField } from "./edit";
import { lineOf, offsetOf, read } from "./model";
import { cut, join } from "./source";
import { valueOf } from "./values";

const TEXT = `# head

name: m
description: |
  tasks:
  # not a comment
parameters:
  "a/b": 1
tasks:

  # one
  - name: one
    python:
      function: f
      source: |
        def f():
            return 1

            # the end
  - command: x
    name: two
# foot
cleanup: one
`;

test.each(["", "name: x\n", TEXT, "tasks:\n- name: a\n- name: b", "\n\n# only a comment\n", "tasks: []\n# after\n"])(
  "the pieces make the text again: %j",
  (text) => {
    expect(join(cut(text)!)).toBe(text);
  },
);

test.each(['{"name": "x"}', "- a\n- b\n", "---\nname: x\n", "tasks: [{name: a}]\n", "tasks:\n  a: 1\n"])(
  "what is written otherwise is not cut: %j",
  (text) => {
    expect(cut(text)).toBeNull();
  },
);

test("fields, tasks and lines of a block are told apart", () => {
  const model = read(TEXT);
  expect(model.faults).toEqual([]);
  expect(model.fields).toEqual({
    name: "m",
    description: "tasks:\n# not a comment\n",
    parameters: { "a/b": 1 },
    cleanup: "one",
  });
  expect(model.tasks.map(({ id, kind }) => [id, kind])).toEqual([
    ["one", "python"],
    ["two", "command"],
  ]);
  expect((model.tasks[0]!.fields.python as { source: string }).source).toContain("# the end");
});

test.each([
  ["/tasks/1/command", "command: x"],
  ["/tasks/0/python/source", "source: |"],
  ["/tasks/0/python/nothing", "function: f"],
  ["/parameters/a~1b", '"a/b": 1'],
  ["/cleanup", "cleanup: one"],
  ["", "name: m"],
])("a pointer leads to its line: %s", (pointer, line) => {
  const at = offsetOf(read(TEXT), pointer);
  if (pointer.endsWith("nothing")) expect(TEXT.split("\n")[lineOf(TEXT, at) - 1]).toContain("python:");
  else expect(TEXT.slice(at)).toMatch(new RegExp(`^${line.replace(/[|]/g, "\\|")}`));
});

test("faults stand where they are in the whole text", () => {
  const text = "name: x\ntasks:\n  - name: a\n    command: [\n  - name: b\n";
  const [fault] = read(text).faults;
  expect(lineOf(text, fault!.offset)).toBeGreaterThanOrEqual(4);
});

test("a key given twice is a fault", () => {
  expect(read("name: x\nname: y\n").faults).toHaveLength(1);
});

test("what has not changed is the same object, so that nothing is drawn again", () => {
  const before = read(TEXT);
  const after = read(TEXT.replace("command: x", "command: y"), before);
  expect(after.tasks[0]).toBe(before.tasks[0]);
  expect(after.tasks[1]).not.toBe(before.tasks[1]);
});

test("two tasks of one name are two tasks", () => {
  expect(read("tasks:\n- name: a\n- name: a\n- 5\n").tasks.map((task) => task.id)).toEqual(["a", "#1", "#2"]);
});

test("numbers of many digits keep them, in what is read and in what is written", () => {
  const long = "170141183460469231731687303715884105727";
  const model = read(`name: m\nparameters:\n  modulus: ${long}\n  small: 12\ntasks: []\n`);
  const { modulus, small } = model.fields.parameters as Record<string, unknown>;
  expect([write(modulus), small]).toEqual([long, 12]);
  expect(setField(model, ["parameters", "modulus"], valueOf(`${long}1`))).toContain(`modulus: ${long}1\n`);
});
