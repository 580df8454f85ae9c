/** A run's tasks as a graph: from its version's spec, or as they come where there is none. Nothing here draws. */
import type { Run, RunTask } from "../../../api/runs";

/** `unknown` is what a workflow that is gone said of it. */
export type Kind = "command" | "python" | "wait" | "sleep" | "workflow" | "flow" | "unknown";

export interface TaskNode {
  name: string;
  kind: Kind;
  dependencies: string[];
  /** What the run tells of it; null before it does. */
  task: RunTask | null;
  paused: boolean;
  /** Runs only when the run is cancelled or fails. */
  cleanUp: boolean;
  /** As the spec has it; null of a task of an engineer's flow. */
  spec: TaskSpec | null;
}

export interface TaskSpec {
  name: string;
  dependencies?: string[];
  command?: string | string[] | null;
  python?: { function: string; file?: string | null; isolate?: boolean } | null;
  wait?: { signal: string; timeout?: number | string | null } | null;
  sleep?: number | string | null;
  workflow?: string | null;
  [more: string]: unknown;
}

const KINDS = ["command", "python", "wait", "sleep", "workflow"] as const;

function kindOf(spec: TaskSpec): Kind {
  return KINDS.find((kind) => spec[kind] !== undefined && spec[kind] !== null) ?? "command";
}

export function nodesOf(
  spec: Record<string, unknown> | null,
  run: Pick<Run, "tasks" | "paused_tasks" | "workflow_id">,
): TaskNode[] {
  const told = new Map(run.tasks.map((task) => [task.name, task]));
  const paused = new Set(run.paused_tasks);
  const specs = (spec?.tasks ?? []) as TaskSpec[];
  const nodes = specs.map((each): TaskNode => ({
    name: each.name,
    kind: kindOf(each),
    dependencies: each.dependencies ?? [],
    task: told.get(each.name) ?? null,
    paused: paused.has(each.name),
    cleanUp: spec?.cleanup === each.name,
    spec: each,
  }));
  const written = new Set(specs.map(({ name }) => name));
  for (const task of run.tasks) {
    if (written.has(task.name)) continue;
    nodes.push({
      name: task.name,
      kind: run.workflow_id ? "unknown" : "flow",
      dependencies: [],
      task,
      paused: paused.has(task.name),
      cleanUp: false,
      spec: null,
    });
  }
  return nodes;
}

/** All tasks that follow from one, however far, in the order of the nodes. */
export function below(nodes: readonly TaskNode[], name: string): string[] {
  const found = new Set([name]);
  for (let before = 0; before !== found.size;) {
    before = found.size;
    for (const node of nodes) if (node.dependencies.some((other) => found.has(other))) found.add(node.name);
  }
  found.delete(name);
  return nodes.map((node) => node.name).filter((each) => found.has(each));
}

/** What of the graph decides where things lie: as long as this stays, so does the picture. */
export function shapeOf(nodes: readonly TaskNode[]): string {
  return JSON.stringify(nodes.map(({ name, dependencies }) => [name, dependencies]));
}

/** What is run, in a line. */
export function doing({ spec }: TaskNode): string | null {
  if (!spec) return null;
  if (Array.isArray(spec.command)) return spec.command.join(" ");
  if (typeof spec.command === "string") return spec.command;
  if (spec.python) return `${spec.python.file ? `${spec.python.file}: ` : ""}${spec.python.function}()`;
  if (spec.wait) return spec.wait.signal;
  if (spec.workflow) return spec.workflow;
  return spec.sleep === undefined || spec.sleep === null ? null : String(spec.sleep);
}
