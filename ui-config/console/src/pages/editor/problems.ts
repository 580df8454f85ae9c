/** What is wrong with a workflow, with the place of each in the graph, the form and the text. */
import { problemSaid, type Said, said } from "../../text/said";
import { type Fault, lineOf, type Model, offsetOf, partsOf } from "./model";

export interface Wrong extends Said {
  pointer: string;
}

export interface Problem {
  pointer: string;
  /** What is wrong, in the language spoken. */
  detail: string;
  /** The id of the task that it is about; null where it is about the workflow. */
  task: string | null;
  /** The JSON Pointer within the task or the workflow. */
  field: string;
  /** From 1 on. */
  line: number;
  offset: number;
}

/**
 * The problems in the order of the text. While the text cannot be read, that is the problem. `told` is what the service
 * said of `of`, an earlier state of the text perhaps: its tasks are looked for by their names.
 */
export function problems(model: Model, told: readonly Wrong[], of: Model = model): Problem[] {
  const found = model.faults.length
    ? model.faults.map((fault) => ({
        pointer: "",
        detail: faultSaid(fault),
        task: null,
        field: "",
        offset: fault.offset,
      }))
    : told.flatMap((wrong) => {
        const place = placeOf(model, of, wrong.pointer);
        return place ? [{ detail: problemSaid(wrong), ...place, offset: offsetOf(model, place.pointer) }] : [];
      });
  return found
    .map((problem) => ({ ...problem, line: lineOf(model.text, problem.offset) }))
    .sort((a, b) => a.offset - b.offset);
}

function faultSaid(fault: Fault): string {
  return fault.yaml ? said(`yaml.${fault.code}`, fault) : problemSaid(fault);
}

/** Null where the task is gone. */
function placeOf(
  model: Model,
  of: Model,
  pointer: string,
): { pointer: string; task: string | null; field: string } | null {
  const [first, index, ...rest] = partsOf(pointer);
  const old = first === "tasks" && index !== undefined ? of.tasks[Number(index)] : undefined;
  if (!old) return { pointer, task: null, field: pointer };
  const task = model.byId.get(old.id);
  const field = rest.map((part) => `/${part.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
  return task ? { pointer: `/tasks/${task.index}${field}`, task: task.id, field } : null;
}

/** The problem of a field, or of something in it. */
export function wrongAt(found: readonly Problem[], task: string | null, field: string): string | null {
  const own = found.filter(
    (problem) => problem.task === task && (problem.field === field || problem.field.startsWith(`${field}/`)),
  );
  return own.length ? own.map((problem) => problem.detail).join(" · ") : null;
}
