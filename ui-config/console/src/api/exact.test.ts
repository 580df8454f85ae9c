import { expect, test } from "vitest";
import { compare, isExact, numberOf, parse, write } from "./exact";

const MERSENNE = String(2n ** 1279n - 1n);

test.each([
  MERSENNE,
  `-${MERSENNE}`,
  "9007199254740993",
  `{"p":[1279,${MERSENNE}],"small":7,"half":0.5}`,
  "3.14159265358979323846264338327950288",
  "1e400",
  '"12345678901234567890"',
  "[0.30000000000000004,1e-7,-0.1,9007199254740991]",
])("%s is written as it was read", (text) => {
  expect(write(parse(text))).toBe(text);
});

test("numbers that a browser holds are its own", () => {
  for (const text of ["0", "-12", "9007199254740991", "0.1", "0.30000000000000004", "1e300", "-2.5e-8"]) {
    expect(isExact(numberOf(text)), text).toBe(false);
  }
  for (const text of ["9007199254740992", "-9007199254740993", "1e999", "0.123456789012345678901"])
    expect(isExact(numberOf(text)), text).toBe(true);
});

test("whole numbers are compared by all their digits", () => {
  const numbers = ["9007199254740993", "9007199254740992", MERSENNE, "3", `-${MERSENNE}`].map(numberOf);
  expect(numbers.toSorted(compare).map(String)).toEqual([
    `-${MERSENNE}`,
    "3",
    "9007199254740992",
    "9007199254740993",
    MERSENNE,
  ]);
});

test("what is no JSON is refused, and of two fields of one name the last counts, as everywhere", () => {
  expect(() => parse("{1234567890123456789")).toThrow();
  expect(write(parse('{"a":1234567890123456789,"a":2}'))).toBe('{"a":2}');
});
