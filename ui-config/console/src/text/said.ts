/**
 * The service's sentences in the user's language. Beside each sentence the service sends a code and values. If the
 * code is unknown here, the service's own sentence is shown.
 */
import { moment, number, size } from "./format";
import { known, t } from "./text";

export interface Said {
  detail: string;
  code?: string | null;
  values?: Readonly<Record<string, unknown>>;
}

/** The sentence of `key`, followed by the sentences for its optional values: `did you mean` if there is a `near`. */
export function said(key: string, { detail, code, values = {} }: Said): string {
  if (!code || !known(key)) return detail;
  const told = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, shown(name, value, values)]));
  const names = Object.keys(values).filter((name) => !(Array.isArray(values[name]) && values[name].length === 0));
  const more = names.includes("near") ? ["said.near"] : names.map((name) => `${key}.${name}`);
  return [key, ...more]
    .filter(known)
    .map((part) => t(part, told))
    .join("");
}

/** What is wrong with a workflow, or with a request. */
export function problemSaid(problem: Said): string {
  return said(`said.${problem.code}`, problem);
}

/** Why the service refused a call. */
export function refusalSaid(refusal: Said): string {
  return said(`refusal.${refusal.code}`, refusal);
}

/** Why a run or a task has failed; where that is told in many lines, all of them. */
export function endingSaid({
  error,
  error_told: told,
}: {
  error: string | null;
  error_told: Pick<Said, "code" | "values"> | null;
}): string {
  return said(`ended.${told?.code}`, { detail: error ?? "", ...told });
}

/** What a type of error means that agents and the service give to subtasks; null of a program's own. */
export function failureSaid(type: string): string | null {
  const key = `failure.${type}`;
  return known(key) ? t(key) : null;
}

/** The language of what was said, where that is not the language spoken: the service's own words are English. */
export function languageOf(words: string, detail: string): "en" | undefined {
  return words === detail ? "en" : undefined;
}

function shown(name: string, value: unknown, beside: Readonly<Record<string, unknown>>): string | number {
  if (Array.isArray(value)) return value.length > 0 ? value.join(", ") : t("said.none");
  if (name === "given" && value === "a list") return t("said.a_list");
  if (name === "given" && value === "an object") return t("said.an_object");
  if (name === "deadline" && typeof value === "string") return moment(value);
  if (typeof value !== "number") return String(value);
  if (name === "used" || name === "allowed") return beside.quota === "stored_bytes" ? size(value) : number(value);
  if (name === "limit" && beside.what !== undefined) return size(value); // of what is too large
  return value;
}
