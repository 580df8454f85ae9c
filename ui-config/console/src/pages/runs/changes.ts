import { write } from "../../api/exact";

/** What a JSON Patch does, in lines: where, and what is there afterwards; null where nothing is. */
export interface Change {
  name: string;
  change: string | null;
}

export function changes(patch: readonly Record<string, unknown>[]): Change[] {
  return patch.map(({ op, path, value }) => ({
    name: String(path)
      .split("/")
      .slice(1)
      .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
      .join(" › "),
    change: op === "remove" ? null : `→ ${typeof value === "string" ? value : write(value)}`,
  }));
}
