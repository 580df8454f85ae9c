import { isExact, isNumber, parse, write } from "../../api/exact";

/** How values of parameters are written into fields, and read out of them as the same kind of value. */

export function isJson(value: unknown): boolean {
  return typeof value === "object" && value !== null && !isExact(value);
}

export function written(value: unknown): string {
  return typeof value === "string" ? value : write(value);
}

/** What was typed in place of `before`; null where it is not of its kind. Texts are taken as they are. */
export function read(text: string, before: unknown): { value: unknown } | null {
  if (typeof before === "string") return { value: text };
  const found = json(text);
  if (found && isNumber(before) && !isNumber(found.value)) return null;
  if (found && typeof before === "boolean" && typeof found.value !== "boolean") return null;
  return found;
}

/** The value of a JSON text, null where it is none. */
export function json(text: string): { value: unknown } | null {
  try {
    return { value: parse(text) };
  } catch {
    return null;
  }
}
