import { expect, test } from "vitest";
import { parse } from "../../../api/exact";
import { untagged } from "./tagged";

test.each([
  ['{"$tuple":[1,{"$tuple":[2,"a"]}]}', [1, [2, "a"]]],
  ['{"$float":"nan"}', "NaN"],
  ['[{"$float":"-inf"},{"$float":"inf"},0.5]', ["-∞", "∞", 0.5]],
  ['{"$dict":[[1,"a"],[{"$tuple":[2,3]},{"$float":"nan"}]]}', { "1": "a", "(2, 3)": "NaN" }],
  [
    '{"$dict":[[1,"a"],["1","b"],["NaN",0],[{"$float":"nan"},1],[{"$float":"nan"},2]]}',
    { "1": "a", '"1"': "b", '"NaN"': 0, NaN: 1, "NaN (2)": 2 },
  ],
  [
    '{"$dict":[[{"$tuple":[1]},"a"],[{"$tuple":["1",{"$tuple":[]}]},"b"],[null,"c"],["null","d"]]}',
    { "(1,)": "a", '("1", ())': "b", null: "c", '"null"': "d" },
  ],
  ['{"$dict":[["$tuple",[1]]]}', { $tuple: [1] }],
  ['{"$other":[1]}', { $other: [1] }],
  ['{"a":{"$tuple":[]},"b":null}', { a: [], b: null }],
])("%s is shown as it was meant", (text, shown) => {
  expect(untagged(parse(text))).toEqual(shown);
});
