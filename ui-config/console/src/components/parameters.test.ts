import { expect, test } from "vitest";
import { parse, write } from "../api/exact";
import { changed, kindOf, read, startingTexts, wrong, written } from "./parameters";

const defaults = { bound: 750000, title: "March", deep: false, levels: [1, 2], note: null };

test("a parameter is asked for as what its default is", () => {
  expect(Object.values(defaults).map(kindOf)).toEqual(["number", "text", "truth", "json", "json"]);
});

test("what is left as it is is not sent", () => {
  const texts = Object.fromEntries(Object.entries(defaults).map(([name, value]) => [name, written(value)]));
  expect(changed(texts, defaults)).toEqual({});
});

test("what is changed is sent as a value of its kind", () => {
  expect(changed({ bound: "1000", title: "7", deep: "true", levels: '{"a": [1]}' }, defaults)).toEqual({
    bound: 1000,
    title: "7",
    deep: true,
    levels: { a: [1] },
  });
});

test("a comma between digits is no point", () => {
  expect(read("1,000", "number")).toBeUndefined();
});

test("parameters may be called as what every object has", () => {
  const defaults = parse('{"constructor": 1, "__proto__": "a", "valueOf": true}') as Record<string, unknown>;
  expect(Object.entries(startingTexts(defaults, {}))).toEqual([
    ["constructor", "1"],
    ["__proto__", "a"],
    ["valueOf", "true"],
  ]);
  expect(changed({ constructor: "2" } as Record<string, string>, defaults)).toEqual({ constructor: 2 });
  expect(write(changed(parse('{"__proto__": "b"}') as Record<string, string>, defaults))).toBe('{"__proto__":"b"}');
});

test("what cannot be read is told by name", () => {
  expect(wrong({ bound: "many", title: "", levels: "[1,", deep: "false" }, defaults)).toEqual(["bound", "levels"]);
  expect(wrong({ bound: " " }, defaults)).toEqual(["bound"]);
});

test("numbers of many digits keep them, as defaults and as what is typed", () => {
  const defaults = parse('{"modulus": 170141183460469231731687303715884105727}') as Record<string, unknown>;
  expect(kindOf(defaults.modulus)).toBe("number");
  expect(written(defaults.modulus)).toBe("170141183460469231731687303715884105727");
  expect(write(changed({ modulus: "2305843009213693951" }, defaults))).toBe('{"modulus":2305843009213693951}');
  expect(read("1e400", "number")).toBeUndefined();
  expect(read("0x10", "number")).toBeUndefined();
});

test("a text that looks like a number stays the text that was typed", () => {
  const texts = { version: "1.10", phone: "00237699000000" };
  expect(changed(texts, { version: "1.9", phone: "none" })).toEqual(texts);
});
