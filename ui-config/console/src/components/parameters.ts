import { type Exact, isNumber, numberOf, parse, write } from "../api/exact";
import { own } from "../api/own";
import { pointed } from "../text/format";

/**
 * Parameters as a form has them: a text for each, of the kind that its default has. What is neither text, number
 * nor truth value is written as JSON.
 */
export type Kind = "text" | "number" | "truth" | "json";

export function kindOf(value: unknown): Kind {
  if (typeof value === "string") return "text";
  if (isNumber(value)) return "number";
  if (typeof value === "boolean") return "truth";
  return "json";
}

/** What a field begins with. */
export function written(value: unknown): string {
  return typeof value === "string" ? value : write(value ?? null);
}

/** The value that a field's text stands for; undefined if it stands for none. */
export function read(text: string, kind: Kind): unknown {
  if (kind === "text") return text;
  if (kind === "truth") return text === "true";
  if (kind === "number") {
    return numberIn(pointed(text));
  }
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** A number as people write it; undefined where the text is none. */
function numberIn(text: string): number | Exact | undefined {
  if (!NUMBER.test(text)) return undefined;
  if (!Number.isFinite(Number(text))) return undefined; // larger than anything that computes with it
  return /^[+-]?\d+$/.test(text) ? numberOf(String(BigInt(text.replace("+", "")))) : Number(text);
}

/** What a form begins with: the defaults, and over them what was chosen before. */
export function startingTexts(
  defaults: Record<string, unknown>,
  chosen: Record<string, unknown> = {},
): Record<string, string> {
  return Object.fromEntries(
    Object.keys(defaults).map((name) => [name, written(Object.hasOwn(chosen, name) ? chosen[name] : defaults[name])]),
  );
}

/** Those of `texts` that differ from their defaults, as values. */
export function changed(texts: Record<string, string>, defaults: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(defaults).flatMap(([name, standard]) => {
      const text = own(texts, name);
      return text === undefined || text === written(standard) ? [] : [[name, read(text, kindOf(standard))]];
    }),
  );
}

/** The names whose text stands for no value. */
export function wrong(texts: Record<string, string>, defaults: Record<string, unknown>): string[] {
  return Object.keys(texts).filter(
    (name) => Object.hasOwn(defaults, name) && read(texts[name]!, kindOf(defaults[name])) === undefined,
  );
}
