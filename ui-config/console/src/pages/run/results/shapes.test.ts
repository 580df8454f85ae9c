import { expect, test } from "vitest";
import { parse } from "../../../api/exact";
import { imageIn, readPnm } from "./images";
import { csvIn, csvOf, numericColumns, pretty, resultText, shapeOf, sorted } from "./shapes";

test.each([
  [null, "nothing"],
  [3.5, "number"],
  [false, "yes-no"],
  ["some\ntext, with a comma", "text"],
  ["a,b\n1,2\n3,4\n", "table"],
  [[{ a: 1 }, { b: 2 }], "table"],
  [
    [
      [1, 2],
      [3, 4],
    ],
    "table",
  ],
  [[1, 2, 3], "table"],
  [[{ a: 1 }, null], "table"],
  [{ columns: ["a"], rows: [[1]] }, "table"],
  [[[1, 2], [3]], "other"],
  [[], "other"],
  [{ hares: 3, best: { growth: 1 } }, "facts"],
  ["P2\n2 1\n255\n0 255\n", "image"],
  ['<svg xmlns="http://www.w3.org/2000/svg"/>', "image"],
  [["P1 1 1 1", "P1 1 1 0"], "images"],
  ["<p>svg</p>", "text"],
])("%j is shown as %s", (value, is) => {
  expect(shapeOf(value).is).toBe(is);
});

test("fields may be called as what every object has", () => {
  const shape = shapeOf(parse('[{"constructor": 1, "__proto__": 2}, {"a": 3}]'));
  expect(shape).toEqual({
    is: "table",
    table: {
      columns: ["constructor", "__proto__", "a"],
      rows: [
        [1, 2, null],
        [null, null, 3],
      ],
    },
  });
});

test("objects with different fields make one table, with gaps", () => {
  const shape = shapeOf([{ a: 1 }, { a: 2, b: "x" }]);
  expect(shape).toEqual({
    is: "table",
    table: {
      columns: ["a", "b"],
      rows: [
        [1, null],
        [2, "x"],
      ],
    },
  });
});

test("what lies in an object is shown part by part", () => {
  const shape = shapeOf({ count: 2, rows: [{ a: 1 }], image: "P1 1 1 1" });
  expect(shape).toMatchObject({
    is: "facts",
    facts: [["count", 2]],
    parts: [
      ["rows", { is: "table" }],
      ["image", { is: "image" }],
    ],
  });
});

test("text with quotes, of any separator, is a table", () => {
  expect(csvIn('name;note\r\n"a;b";"he said ""no"""\r\n')).toEqual({
    columns: ["name", "note"],
    rows: [["a;b", 'he said "no"']],
  });
  expect(csvIn("a\tb\n1\t\n")).toEqual({ columns: ["a", "b"], rows: [[1, ""]] });
  expect(csvIn('a,"b\nc,d')).toBeNull();
  expect(csvIn("a,b\n1,2,3\n")).toBeNull();
});

test("a table written and read again is the same, and holds no formula", () => {
  const table = {
    columns: ["name", "n"],
    rows: [
      ['a,"b"\n', 1],
      ["plain", -2],
    ],
  };
  expect(csvIn(csvOf(table))).toEqual(table);
  expect(csvOf({ columns: ["x"], rows: [["=1+1"]] })).toContain("'=1+1");
});

test("rows are sorted by number, then text, with gaps last both ways", () => {
  const rows = [["b"], [10], [null], [9], ["a2"], ["a10"]];
  expect(sorted(rows, 0, false).flat()).toEqual([9, 10, "a2", "a10", "b", null]);
  expect(sorted(rows, 0, true).flat()).toEqual([10, 9, "b", "a10", "a2", null]);
});

test("columns of numbers are those that can be plotted", () => {
  expect(
    numericColumns({
      columns: ["n", "t", "gaps", "none"],
      rows: [
        [1, "a", null, null],
        [2, 3, 4, null],
      ],
    }),
  ).toEqual([0, 2]);
});

test.each([
  ["P1 2 1\n# black, white\n1 0", [0, 255]],
  ["P1 2 1 10", [0, 255]],
  ["P2 2 1 100 50 100", [128, 255]],
  ["P3 1 1 255 0 0 7", [0]],
])("%s is read pixel by pixel", (text, red) => {
  const { data, width } = readPnm(new TextEncoder().encode(text));
  expect(Array.from({ length: width }, (_, at) => data[4 * at])).toEqual(red);
});

test("packed pictures are read, too", () => {
  const head = (text: string, ...bytes: number[]) => new Uint8Array([...new TextEncoder().encode(text), ...bytes]);
  expect([...readPnm(head("P6 1 1 255\n", 1, 2, 3)).data]).toEqual([1, 2, 3, 255]);
  expect([...readPnm(head("P5 1 1 65535\n", 255, 255)).data]).toEqual([255, 255, 255, 255]);
  const bits = readPnm(head("P4 9 2\n", 0b10000000, 0b10000000, 0, 0)).data;
  expect([bits[0], bits[4], bits[32], bits[36]]).toEqual([0, 255, 0, 255]);
});

test("what is no picture is refused", () => {
  expect(() => readPnm(new TextEncoder().encode("P2 2 x"))).toThrow("number");
  expect(() => readPnm(new TextEncoder().encode("P2 99999 99999 1"))).toThrow("size");
  expect(imageIn("iVBORw0KGgo: how PNG files begin")).toBeNull();
  expect(imageIn("data:image/png;base64,PHA+aGk8L3A+")).toBeNull();
});

test("nested values are written in lines that can be read, and stay the same values", () => {
  const value = { a: [[1, 2], [3]], b: { c: null, d: "x" }, e: [] };
  expect(pretty(value)).toBe('{\n  "a": [\n    [1, 2],\n    [3]\n  ],\n  "b": {"c": null, "d": "x"},\n  "e": []\n}');
  expect(JSON.parse(pretty(value))).toEqual(value);
});

test("results are read best as they are meant", () => {
  expect(resultText('"two\\nlines"')).toBe("two\nlines");
  expect(resultText('{"cut')).toBe('{"cut');
  expect(resultText(JSON.stringify("x".repeat(5000))).length).toBe(4001);
});

test("numbers keep all of their digits in tables, texts and files, and are sorted by them", () => {
  const text = "[[9007199254740993, 1], [9007199254740992, 2], [0.1, 3]]";
  const shape = shapeOf(parse(text));
  if (shape.is !== "table") throw new Error(shape.is);
  expect(numericColumns(shape.table)).toEqual([0, 1]);
  expect(sorted(shape.table.rows, 0, false).map((row) => String(row[0]))).toEqual([
    "0.1",
    "9007199254740992",
    "9007199254740993",
  ]);
  expect(csvOf(shape.table)).toContain("9007199254740993,1");
  expect(resultText(`{"n": ${2n ** 521n - 1n}}`)).toBe(`{"n": ${2n ** 521n - 1n}}`);
  expect(shapeOf(parse(String(2n ** 1279n - 1n)))).toMatchObject({
    is: "number",
    value: { value: String(2n ** 1279n - 1n) },
  });
});

test("what a text says in a table is shown as it says it", () => {
  const table = csvIn("code,price,count\n00501,1.10,9007199254740993\n00502,2.00,3\n")!;
  expect(csvOf(table)).toBe("code,price,count\r\n00501,1.10,9007199254740993\r\n00502,2.00,3\r\n");
  expect(numericColumns(table)).toEqual([1, 2]);
});
