import { expect, test } from "vitest";
import { begin as beginWith, type Moment, record as recordWith, redo, select, undo, type History } from "./history";

const NOTHING = { files: {}, places: {} };
const begin = (text: string) => beginWith({ text, ...NOTHING });
const record = (history: History, next: Pick<Moment, "text" | "selected">, what: string | null, at: number) =>
  recordWith(history, { ...NOTHING, ...next }, what, at);

test("undo goes back to the text and the selection of before, redo forth again", () => {
  const first = select(begin("a"), ["x"]);
  const second = record(first, { text: "b", selected: ["y"] }, null, 0);
  expect(undo(second).now).toMatchObject({ text: "a", selected: ["x"] });
  expect(redo(undo(second)).now).toMatchObject({ text: "b", selected: ["y"] });
});

test("what is typed in one go is undone in one go", () => {
  let history = begin("");
  for (const [at, text] of ["h", "he", "hel"].entries())
    history = record(history, { text, selected: [] }, "yaml", at * 100);
  history = record(history, { text: "help", selected: [] }, "yaml", 10_000);
  expect(undo(history).now.text).toBe("hel");
  expect(undo(undo(history)).now.text).toBe("");
});

test("changes in different places are undone apart", () => {
  let history = record(begin("a"), { text: "b", selected: [] }, "name", 0);
  history = record(history, { text: "c", selected: [] }, "command", 10);
  expect(undo(history).now.text).toBe("b");
});

test("a change after undo forgets what was undone", () => {
  const history = record(
    undo(record(begin("a"), { text: "b", selected: [] }, null, 0)),
    { text: "c", selected: [] },
    null,
    1,
  );
  expect(redo(history)).toBe(history);
});

test("typing goes on being one change only until it is undone", () => {
  const typed = record(begin(""), { text: "a", selected: [] }, "yaml", 0);
  expect(undo(record(redo(undo(typed)), { text: "ab", selected: [] }, "yaml", 10)).now.text).toBe("a");
});

test("the text that is there already is no change", () => {
  expect(record(begin("a"), { text: "a", selected: ["x"] }, null, 0).past).toEqual([]);
});
