import { expect, test } from "vitest";
import { changes } from "./changes";

test("patches are told by where they act and what is there then", () => {
  expect(
    changes([
      { op: "replace", path: "/days", value: 7 },
      { op: "add", path: "/a~1b/~0c", value: "x" },
      { op: "remove", path: "/gone" },
    ]),
  ).toEqual([
    { name: "days", change: "→ 7" },
    { name: "a/b › ~c", change: "→ x" },
    { name: "gone", change: null },
  ]);
});
