import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { changes } from "./changes";
import { difference, excerpt } from "./diff";
import { removeTasks, rename, setField, setTaskField } from "./edit";
import { read } from "./model";
import { problems, wrongAt } from "./problems";
import { commandText, itemsOf, listOf, numberOr, textOf, valueOf } from "./values";

const MERSENNE = readFileSync(
  join(import.meta.dirname, "../../../../../flows/library/mersenne_factors/workflow.yaml"),
  "utf8",
);

test.each([5, "five", "5", true, "true", null, [1, "a"], { a: 1 }, "", "{part}", '"quoted"'])(
  "a value is the same after it was shown and read: %j",
  (value) => {
    expect(valueOf(textOf(value))).toEqual(value);
  },
);

test("commands are shown as one would type them", () => {
  expect(commandText(["python3", "run.py", "{part}", "two words", "it's"])).toBe(
    `python3 run.py {part} 'two words' 'it'"'"'s'`,
  );
  expect(commandText("echo  x")).toBe("echo  x");
});

test("numbers, lists and items are read as typed", () => {
  expect([numberOr("3"), numberOr(" 0.5 "), numberOr("3x"), numberOr(" ")]).toEqual([3, 0.5, "3x", undefined]);
  expect(listOf("a, b ,,c")).toEqual(["a", "b", "c"]);
  expect(itemsOf("1\nred\n\n[2]")).toEqual([1, "red", [2]]);
});

/** What a difference makes of the old text. */
function applied(before: string, after: string): { old: string[]; now: string[] } {
  const lines = difference(before, after);
  return {
    old: lines.filter((line) => line.kind !== "new").map((line) => line.text),
    now: lines.filter((line) => line.kind !== "old").map((line) => line.text),
  };
}

test.each([
  ["a\nb\nc\n", "a\nx\nc\n"],
  ["", "a\n"],
  ["a\n", ""],
  ["a\nb\nc\nd\n", "b\na\nc\nd\ne\n"],
  ["same\n", "same\n"],
])("a difference holds both texts: %j %j", (before, after) => {
  const { old, now } = applied(before, after);
  expect(old).toEqual(before.split("\n").slice(0, -1));
  expect(now).toEqual(after.split("\n").slice(0, -1));
});

test("a difference is as short as can be", () => {
  expect(difference("a\nb\nc\na\nb\nb\na\n", "c\nb\na\nb\na\nc\n").filter((line) => line.kind !== "same")).toHaveLength(
    5,
  );
});

test("what lies far from a change is left out", () => {
  const many = Array.from({ length: 50 }, (_, index) => `l${index}`);
  const shown = excerpt(difference(many.join("\n"), many.with(25, "x").join("\n")), 2);
  expect(shown.map((line) => line?.text ?? "…")).toEqual(["l23", "l24", "l25", "x", "l26", "l27"]);
});

test("changes are told by what they are about", () => {
  const before = read(MERSENNE);
  const renamed = read(rename(before, 1, "summary"));
  expect(changes(before, {}, renamed, {})).toEqual([{ what: "renamed", from: "report", task: "summary" }]);
  const edited = read(setTaskField(read(setField(before, ["name"], "x")), 0, ["priority"], 3));
  expect(changes(before, { f: "1", g: "1" }, edited, { f: "2", h: "1" })).toEqual([
    { what: "field", field: "name" },
    { what: "changed", task: "factor", fields: ["priority"] },
    { what: "file_changed", file: "f" },
    { what: "file_removed", file: "g" },
    { what: "file_added", file: "h" },
  ]);
  expect(changes(before, {}, read(removeTasks(before, new Set(["report"]))), {})).toEqual([
    { what: "removed", task: "report" },
  ]);
});

test("problems lead to the task, the field and the line", () => {
  const model = read(MERSENNE);
  const [first, second] = problems(model, [
    { pointer: "/tasks/1/files/0", detail: "is missing" },
    { pointer: "/tasks/0/command/3", detail: "names nothing" },
  ]);
  expect(first).toMatchObject({ task: "factor", field: "/command/3" });
  expect(MERSENNE.split("\n")[first!.line - 1]).toContain("command: python3 factor.py");
  expect(second).toMatchObject({ task: "report", field: "/files/0" });
  expect(MERSENNE.split("\n")[second!.line - 1]).toContain("files: [report.py]");
  expect(wrongAt([first!, second!], "report", "/files")).toBe("is missing");
  expect(wrongAt([first!, second!], "report", "/file")).toBeNull();
});

test("while the text cannot be read, that alone is the problem", () => {
  const model = read("name: [\n");
  const found = problems(model, [{ pointer: "/name", detail: "old" }]);
  expect(found.every((problem) => problem.detail !== "old")).toBe(true);
  expect(found.length).toBeGreaterThan(0);
});

test("what was said of a task stays with it while others come and go", () => {
  const before = read(MERSENNE);
  const told = [
    { pointer: "/tasks/0/priority", detail: "gone" },
    { pointer: "/tasks/1/files/0", detail: "missing" },
  ];
  const [only, ...others] = problems(read(removeTasks(before, new Set(["factor"]))), told, before);
  expect(others).toEqual([]);
  expect(only).toMatchObject({ task: "report", pointer: "/tasks/0/files/0" });
});
