/** Values of Python flows that JSON does not have travel as objects with one tag (njangi_agent/codec.py): shown as Python would. */
import { isExact } from "../../../api/exact";

const FLOATS = new Set(["nan", "inf", "-inf"]);

/** The value with what is tagged in it made readable: tuples as lists, other keys than texts as their texts. */
export function untagged(value: unknown): unknown {
  if (typeof value !== "object" || value === null || isExact(value)) return value;
  if (Array.isArray(value)) return value.map(untagged);
  const entries = Object.entries(value);
  if (entries.length === 1) {
    const [tag, inside] = entries[0]!;
    if (tag === "$tuple" && Array.isArray(inside)) return inside.map(untagged);
    if (tag === "$float" && FLOATS.has(inside as string)) return asWords(inside as string);
    if (tag === "$dict" && Array.isArray(inside) && inside.every((pair) => Array.isArray(pair) && pair.length === 2)) {
      return Object.fromEntries(inside.map(([key, item]) => [keyText(untagged(key)), untagged(item)]));
    }
  }
  return Object.fromEntries(entries.map(([key, item]) => [key, untagged(item)]));
}

function asWords(float: string): string {
  return float === "nan" ? "NaN" : float.replace("inf", "∞");
}

function keyText(key: unknown): string {
  return typeof key === "string" ? key : Array.isArray(key) ? `(${key.map(keyText).join(", ")})` : String(key);
}
