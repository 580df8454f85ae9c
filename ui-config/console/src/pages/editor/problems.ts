/** What is wrong with a workflow, with the place of each in the graph, the form and the text. */
import { lineOf, type Model, offsetOf, partsOf } from "./model";

export interface Wrong {
  pointer: string;
  detail: string;
}

export interface Problem extends Wrong {
  /** The id of the task that it is about; null where it is about the workflow. */
  task: string | null;
  /** The JSON Pointer within the task or the workflow. */
  field: string;
  /** From 1 on. */
  line: number;
  offset: number;
}

/** The problems in the order of the text. While the text cannot be read, that is the problem. */
export function problems(model: Model, told: readonly Wrong[]): Problem[] {
  const found = model.faults.length
    ? model.faults.map(({ offset, detail }) => ({ pointer: "", detail, task: null, field: "", offset }))
    : told.map((wrong) => ({ ...wrong, ...placeOf(model, wrong.pointer), offset: offsetOf(model, wrong.pointer) }));
  return found
    .map((problem) => ({ ...problem, line: lineOf(model.text, problem.offset) }))
    .sort((a, b) => a.offset - b.offset);
}

function placeOf(model: Model, pointer: string): { task: string | null; field: string } {
  const parts = partsOf(pointer);
  const task = parts[0] === "tasks" && parts.length > 1 ? model.tasks[Number(parts[1])] : undefined;
  if (!task) return { task: null, field: pointer };
  return { task: task.id, field: pointer.split("/").slice(3).map((part) => `/${part}`).join("") };
}

/** The problem of a field, or of something in it. */
export function wrongAt(found: readonly Problem[], task: string | null, field: string): string | null {
  const own = found.filter((problem) => problem.task === task && (problem.field === field || problem.field.startsWith(`${field}/`)));
  return own.length ? own.map((problem) => problem.detail).join(" · ") : null;
}
