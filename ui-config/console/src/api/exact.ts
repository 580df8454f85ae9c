/** JSON whose numbers stay as they were written, where a number of the browser would not hold all of their digits. */
import { isLosslessNumber, LosslessNumber, parse as parseLossless, stringify } from "lossless-json";

export type Exact = LosslessNumber;

/** A number whose digits are kept as text. */
export function isExact(value: unknown): value is Exact {
  return isLosslessNumber(value);
}

export function isNumber(value: unknown): value is number | Exact {
  return typeof value === "number" || isExact(value);
}

/** A number that is shown as it is written. */
export function asWritten(text: string): Exact {
  return new LosslessNumber(text);
}

const MANY = /\d{16}|\d[eE][+-]?\d{3}/; // digits in a row, or an exponent, that a number of the browser may not hold
const WHOLE = /^-?\d+$/;
const DIGITS = 17; // that tell any number of the browser from its neighbours

/** A number as it is written in JSON: as a number of the browser where that is the same. */
export function numberOf(text: string): number | Exact {
  const value = Number(text);
  if (WHOLE.test(text)) return Number.isSafeInteger(value) ? value : new LosslessNumber(text);
  const digits = text
    .replace(/[eE].*/, "")
    .replace(/\D/g, "")
    .replace(/^0+/, "");
  return Number.isFinite(value) && digits.length <= DIGITS ? value : new LosslessNumber(text);
}

/** The value of a JSON text. Raises SyntaxError where it is none. */
export function parse(text: string): unknown {
  if (!MANY.test(text)) return JSON.parse(text);
  return parseLossless(text, null, { parseNumber: numberOf, onDuplicateKey: ({ newValue }) => newValue });
}

/** The JSON text of a value, with the numbers that `parse` kept as they were written. */
export function write(value: unknown, space?: number): string {
  return stringify(value, null, space) ?? "null";
}

/** Compare by size: whole numbers exactly, others as numbers of the browser. */
export function compare(a: number | Exact, b: number | Exact): number {
  const rough = Number(a) - Number(b);
  if (rough !== 0 && !Number.isNaN(rough)) return rough;
  const [one, other] = [String(a), String(b)];
  if (!WHOLE.test(one) || !WHOLE.test(other)) return 0;
  return BigInt(one) < BigInt(other) ? -1 : BigInt(one) > BigInt(other) ? 1 : 0;
}
