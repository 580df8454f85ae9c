/** Says in a few lines what two versions of a workflow differ in. */
import { own } from "../../api/own";
import type { Model, Task } from "./model";

export type Change =
  | { what: "added" | "removed"; task: string }
  | { what: "renamed"; from: string; task: string }
  | { what: "changed"; task: string; fields: string[] }
  | { what: "field"; field: string }
  | { what: "file_added" | "file_removed" | "file_changed"; file: string };

type Files = Readonly<Record<string, string>>;

/** What leads from one version to the other; `files` are names with SHA-256. */
export function changes(before: Model, beforeFiles: Files, after: Model, afterFiles: Files): Change[] {
  return [
    ...ofFields(before.fields, after.fields),
    ...ofTasks(before.tasks, after.tasks),
    ...ofFiles(beforeFiles, afterFiles),
  ];
}

function ofFields(before: Record<string, unknown>, after: Record<string, unknown>): Change[] {
  return differing(before, after).map((field) => ({ what: "field", field }));
}

function ofTasks(before: readonly Task[], after: readonly Task[]): Change[] {
  const old = new Map(before.map((task) => [task.id, task]));
  const now = new Map(after.map((task) => [task.id, task]));
  const gone = before.filter((task) => !now.has(task.id));
  const found: Change[] = [];
  for (const task of after) {
    const same = old.get(task.id);
    if (same) {
      const fields = differing(same.fields, task.fields);
      if (fields.length) found.push({ what: "changed", task: task.id, fields });
      continue;
    }
    const at = gone.findIndex((other) => differing(other.fields, task.fields).every((field) => field === "name"));
    if (at >= 0) found.push({ what: "renamed", from: gone.splice(at, 1)[0]!.id, task: task.id });
    else found.push({ what: "added", task: task.id });
  }
  return [...found, ...gone.map((task): Change => ({ what: "removed", task: task.id }))];
}

function ofFiles(before: Files, after: Files): Change[] {
  return differing(before, after).map((file) => ({
    what: !Object.hasOwn(before, file) ? "file_added" : !Object.hasOwn(after, file) ? "file_removed" : "file_changed",
    file,
  }));
}

function differing(before: Readonly<Record<string, unknown>>, after: Readonly<Record<string, unknown>>): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (key) =>
      own(before, key) !== own(after, key) && JSON.stringify(own(before, key)) !== JSON.stringify(own(after, key)),
  );
}
