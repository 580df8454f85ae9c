import type { Run } from "../../api/runs";
import type { ListedWorkflow } from "../../api/workflows";
import type { Volunteer } from "../../api/volunteers";

/** What somebody should look at, the most urgent first. */
export type Concern =
  | { kind: "nobody" }
  | { kind: "signal"; run: Run; task: string; signal: string }
  | { kind: "failed"; run: Run }
  | { kind: "holes"; run: Run }
  | { kind: "paused"; run: Run }
  | { kind: "suspended"; volunteers: readonly Volunteer[] }
  | { kind: "silent"; volunteers: readonly Volunteer[] };

export interface Awaited {
  run: Run;
  task: string;
  signal: string;
}

/** Failed runs that nothing has followed: the newest of their workflow, or of no workflow here at all. */
export function unattended(
  failed: readonly Run[],
  workflows: readonly Pick<ListedWorkflow, "id" | "current_run_id">[],
): Run[] {
  const newest = new Map(workflows.map((workflow) => [workflow.id, workflow.current_run_id]));
  return failed.filter(
    (run) =>
      run.parent_run_id === null &&
      run.replaced_by === null &&
      (run.workflow_id ? newest.get(run.workflow_id) === run.id : true),
  );
}

/** Completed runs of which parts failed, and that no newer run of their workflow has followed among `runs`. */
export function withHoles(completed: readonly Run[], runs: readonly Run[]): Run[] {
  const newest = new Map<string, Run>();
  for (const run of [...completed, ...runs]) {
    const known = newest.get(run.workflow_id);
    if (!known || run.created_at > known.created_at) newest.set(run.workflow_id, run);
  }
  return completed.filter(
    (run) =>
      run.failed_parts > 0 &&
      run.parent_run_id === null &&
      run.replaced_by === null &&
      (run.workflow_id ? newest.get(run.workflow_id) === run : true),
  );
}

interface Seen {
  active: readonly Run[];
  failed: readonly Run[];
  /** Completed, though parts of them failed. */
  holes: readonly Run[];
  awaited: readonly Awaited[];
  /** Those heard of lately. */
  volunteers: readonly Volunteer[];
}

export function concerns({ active, failed, holes, awaited, volunteers }: Seen): Concern[] {
  const found: Concern[] = [];
  if (!volunteers.some((volunteer) => volunteer.status === "ONLINE")) found.push({ kind: "nobody" });
  found.push(...awaited.map((each) => ({ kind: "signal" as const, ...each })));
  found.push(...failed.map((run) => ({ kind: "failed" as const, run })));
  found.push(...holes.map((run) => ({ kind: "holes" as const, run })));
  found.push(...active.filter((run) => run.status === "PAUSED").map((run) => ({ kind: "paused" as const, run })));
  const suspended = volunteers.filter((volunteer) => volunteer.status === "SUSPENDED");
  const silent = volunteers.filter((volunteer) => volunteer.status === "OFFLINE");
  if (suspended.length > 0) found.push({ kind: "suspended", volunteers: suspended });
  if (silent.length > 0) found.push({ kind: "silent", volunteers: silent });
  return found;
}

/** Whether a run has a running task without subtasks and without a child run: it waits for a signal or for a time. */
export function mayWait(run: Run): boolean {
  return run.tasks.some((task) => task.status === "RUNNING" && task.total === 0 && task.child_run_id === null);
}

/** Subtasks of a run that volunteers hold now. */
export function heldOf(run: Run): number {
  return run.tasks.reduce((sum, task) => sum + task.leased, 0);
}
