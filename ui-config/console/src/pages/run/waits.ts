import type { Run } from "../../api/runs";

export interface Wait {
  task: string;
  signal: string;
}

const OF_A_FLOW = /^wait-(.+)-\d+$/; // what wait_for_signal(name) calls its tasks in an engineer's flow

/** Which signals the run waits for now. `spec` is null where it has none. */
export function waitsOf(run: Run, spec: Record<string, unknown> | null): Wait[] {
  const signals = new Map<string, string>();
  for (const task of (spec?.tasks ?? []) as { name: string; wait?: { signal: string } | null }[]) {
    if (task.wait) signals.set(task.name, task.wait.signal);
  }
  return run.tasks
    .filter(({ status }) => status === "RUNNING")
    .map(({ name }) => ({
      task: name,
      signal: signals.get(name) ?? (spec?.tasks ? undefined : OF_A_FLOW.exec(name)?.[1]),
    }))
    .filter((wait): wait is Wait => wait.signal !== undefined);
}
