/** Shows Python values that JSON lacks as Python does. They travel as objects with one tag (njangi_agent/codec.py). */
import { isExact } from "../../../api/exact";

const FLOATS = new Set(["nan", "inf", "-inf"]);

/** A value, its tagged parts made readable: tuples as lists; texts in quotes if a dict has keys of other types. */
export function untagged(value: unknown): unknown {
  if (typeof value !== "object" || value === null || isExact(value)) return value;
  if (Array.isArray(value)) return value.map(untagged);
  const entries = Object.entries(value);
  if (entries.length === 1) {
    const [tag, inside] = entries[0]!;
    if (tag === "$tuple" && Array.isArray(inside)) return inside.map(untagged);
    if (tag === "$float" && FLOATS.has(inside as string)) return asWords(inside as string);
    if (tag === "$dict" && Array.isArray(inside) && inside.every((pair) => Array.isArray(pair) && pair.length === 2)) {
      return told(inside as [unknown, unknown][]);
    }
  }
  return Object.fromEntries(entries.map(([key, item]) => [key, untagged(item)]));
}

function asWords(float: string): string {
  return float === "nan" ? "NaN" : float.replace("inf", "∞");
}

/** A dict as an object whose names tell its keys apart: 1 is 1, the text is "1". */
function told(pairs: readonly (readonly [key: unknown, item: unknown])[]): unknown {
  const found = new Map<string, unknown>();
  const texts = pairs.every(([key]) => typeof key === "string");
  for (const [key, item] of pairs) {
    const name = texts ? String(key) : keyText(key);
    let free = name;
    for (let count = 2; found.has(free); count++) free = `${name} (${count})`; // a dict may have NaN twice
    found.set(free, untagged(item));
  }
  return Object.fromEntries(found);
}

function keyText(key: unknown): string {
  if (typeof key === "string") return JSON.stringify(key);
  if (typeof key !== "object" || key === null || isExact(key)) return String(key);
  const { $tuple: items } = key as { $tuple?: unknown };
  if (!Array.isArray(items)) return String(untagged(key));
  return items.length === 1 ? `(${keyText(items[0])},)` : `(${items.map(keyText).join(", ")})`;
}
