/** What the console reads out of a workflow's spec and of files that may hold one. */
import { OUTCOME } from "../../graph/placeholders";

/** Whether a text is a recorded workflow in WfFormat, whose own beginning says so. */
export function looksRecorded(text: string): boolean {
  return text.trimStart().startsWith("{") && /"schemaVersion"\s*:/.test(text) && /"workflow"\s*:/.test(text);
}

export interface TaskLine {
  name: string;
  kind: "command" | "python" | "wait" | "sleep" | "workflow";
  dependencies: string[];
  /** Shared out over volunteers in several subtasks. */
  split: boolean;
  /** 0 begins at once; else one more than the deepest that it depends on. */
  step: number;
}

const KINDS = ["command", "python", "wait", "sleep", "workflow"] as const;

function mentioned(value: unknown): string[] {
  return [...(JSON.stringify(value) ?? "").matchAll(OUTCOME)].map((match) => match[2]!);
}

/** The tasks of a spec in the order in which they can begin. A circle is cut where it is found. */
export function taskLines(spec: Record<string, unknown>): TaskLine[] {
  const tasks = Array.isArray(spec.tasks) ? (spec.tasks as Record<string, unknown>[]) : [];
  const names = new Set(tasks.map((task) => String(task.name)));
  const needs = new Map(
    tasks.map((task) => {
      const told = Array.isArray(task.dependencies) ? task.dependencies.map(String) : [];
      const { name, dependencies: _, ...rest } = task;
      const all = new Set([...told, ...mentioned(rest)].filter((other) => names.has(other) && other !== name));
      return [String(name), [...all]] as [string, string[]];
    }),
  );
  const steps = new Map<string, number>();
  const stepOf = (name: string, above: ReadonlySet<string>): number => {
    const known = steps.get(name);
    if (known !== undefined) return known;
    const inside = new Set(above).add(name);
    const before = (needs.get(name) ?? []).filter((other) => !inside.has(other)).map((other) => stepOf(other, inside));
    const step = before.length === 0 ? 0 : Math.max(...before) + 1;
    steps.set(name, step);
    return step;
  };
  return tasks
    .map((task) => ({
      name: String(task.name),
      kind: KINDS.find((kind) => kind in task) ?? "command",
      dependencies: needs.get(String(task.name)) ?? [],
      split: task.split !== undefined && task.split !== null,
      step: stepOf(String(task.name), new Set()),
    }))
    .toSorted((a, b) => a.step - b.step);
}
