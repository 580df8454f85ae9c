import { expect, test } from "vitest";
import { changed, isChanged, opened } from "./editing";

const BASE = { version: 3, text: "name: x\ntasks:\n  - name: a\n    command: x\n", files: { f: "11" } };

test("while the text cannot be read, the last that could is shown", () => {
  const broken = changed(opened(BASE), { type: "text", text: `${BASE.text}  - name: [\n` });
  expect(broken.current.faults.length).toBeGreaterThan(0);
  expect(broken.model.tasks.map((task) => task.id)).toEqual(["a"]);
  expect(changed(broken, { type: "undo" }).model.faults).toEqual([]);
});

test("a renamed task stays selected, and where it is", () => {
  let editing = changed(opened(BASE), { type: "select", selected: ["a"] });
  editing = changed(editing, { type: "place", places: { a: { x: 1, y: 2 } } });
  editing = changed(editing, { type: "text", text: BASE.text.replace("a\n", "b\n"), renamed: { from: "a", to: "b" } });
  expect(editing.history.now.selected).toEqual(["b"]);
  expect(editing.places).toEqual({ b: { x: 1, y: 2 } });
});

test("what is gone is not selected", () => {
  const editing = changed(changed(opened(BASE), { type: "select", selected: ["a"] }), {
    type: "text",
    text: "name: x\ntasks: []\n",
  });
  expect(editing.history.now.selected).toEqual([]);
});

test("there is something to save when text or files differ from what was saved", () => {
  const editing = opened(BASE);
  expect(isChanged(editing)).toBe(false);
  const other = changed(editing, { type: "attach", name: "g", file: { sha256: "22", size: 1, stored: false } });
  expect(isChanged(other)).toBe(true);
  expect(isChanged(changed(other, { type: "remove", name: "g" }))).toBe(false);
  expect(isChanged(changed(editing, { type: "remove", name: "f" }))).toBe(true);
});

test("a file is stored under every name that it has", () => {
  const file = { sha256: "22", size: 1, stored: false };
  let editing = changed(opened(BASE), { type: "attach", name: "g", file });
  editing = changed(changed(editing, { type: "attach", name: "h", file }), { type: "stored", sha256: "22" });
  expect([editing.files.g!.stored, editing.files.h!.stored]).toEqual([true, true]);
});

test("taking over what another one saved can be undone", () => {
  const editing = changed(opened(BASE), { type: "text", text: "name: mine\n" });
  const theirs = { version: 4, text: "name: theirs\n", files: { g: "33" } };
  const after = changed(editing, { type: "adopt", base: theirs });
  expect(isChanged(after)).toBe(false);
  expect(changed(after, { type: "undo" }).history.now.text).toBe("name: mine\n");
});

test("undo takes back an attached file and brings a removed one back, wherever the service has it by then", () => {
  let editing = changed(opened(BASE), { type: "attach", name: "g", file: { sha256: "22", size: 1, stored: false } });
  editing = changed(editing, { type: "remove", name: "f" });
  editing = changed(editing, { type: "stored", sha256: "22" });
  editing = changed(editing, { type: "undo" });
  expect(Object.keys(editing.files)).toEqual(["f", "g"]);
  editing = changed(editing, { type: "undo" });
  expect(Object.keys(editing.files)).toEqual(["f"]);
  expect(isChanged(editing)).toBe(false);
  expect(changed(editing, { type: "redo" }).files.g).toEqual({ sha256: "22", size: 1, stored: true });
});

test("files that a template brings are no change that could be undone", () => {
  const editing = changed(opened(BASE), {
    type: "attach",
    name: "g",
    file: { sha256: "22", size: 1, stored: true },
    begins: true,
  });
  expect(editing.history.past).toEqual([]);
  expect(Object.keys(editing.files)).toEqual(["f", "g"]);
});

test("undo puts a dragged task back, and the text stays", () => {
  let editing = changed(opened(BASE), { type: "place", places: { a: { x: 1, y: 2 } } });
  editing = changed(editing, { type: "text", text: `${BASE.text}# more\n` });
  editing = changed(changed(editing, { type: "place", places: { a: { x: 5, y: 5 } } }), { type: "undo" });
  expect([editing.places, editing.history.now.text]).toEqual([{ a: { x: 1, y: 2 } }, `${BASE.text}# more\n`]);
  editing = changed(changed(editing, { type: "undo" }), { type: "undo" });
  expect([editing.places, editing.history.now.text]).toEqual([{}, BASE.text]);
});

test("a task that is pushed on step by step goes back at once", () => {
  let editing = changed(opened(BASE), { type: "place", places: { a: { x: 0, y: 0 } } });
  for (const x of [1, 2, 3]) editing = changed(editing, { type: "place", places: { a: { x, y: 0 } } });
  expect(changed(editing, { type: "undo" }).places).toEqual({});
});

test("a task that is dragged in comes with its place, and goes with it", () => {
  const text = `${BASE.text}  - name: b\n    sleep: 1s\n`;
  const editing = changed(opened(BASE), { type: "text", text, selected: ["b"], places: { b: { x: 1, y: 1 } } });
  expect(changed(editing, { type: "undo" })).toMatchObject({ places: {}, history: { now: { text: BASE.text } } });
});

test("undoing what another one saved brings the files of before back, too", () => {
  const mine = changed(opened(BASE), { type: "attach", name: "g", file: { sha256: "22", size: 1, stored: true } });
  const theirs = changed(mine, { type: "adopt", base: { version: 4, text: "name: theirs\n", files: {} } });
  expect(Object.keys(changed(theirs, { type: "undo" }).files)).toEqual(["f", "g"]);
});
