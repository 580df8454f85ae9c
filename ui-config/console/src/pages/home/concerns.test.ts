import { expect, test } from "vitest";
import type { Run } from "../../api/runs";
import type { Volunteer } from "../../api/volunteers";
import { concerns, heldOf, mayWait, unattended, withHoles } from "./concerns";

const run = (id: string, more: Partial<Run> = {}) =>
  ({
    id,
    workflow_id: "w1",
    parent_run_id: null,
    replaced_by: null,
    status: "FAILED",
    tasks: [],
    ...more,
  }) as unknown as Run;
const machine = (status: Volunteer["status"]) => ({ id: status, status }) as Volunteer;

test("a failed run that was followed by another needs nobody", () => {
  const workflows = [{ id: "w1", current_run_id: "r2" }];
  expect(unattended([run("r2"), run("r1")], workflows).map((each) => each.id)).toEqual(["r2"]);
  expect(unattended([run("r1")], [])).toEqual([]);
});

test("failed children are told by their parents", () => {
  expect(unattended([run("c", { parent_run_id: "r2" })], [{ id: "w1", current_run_id: "c" }])).toEqual([]);
});

test("a completed run of which parts failed is told until another run of its workflow follows", () => {
  const done = (id: string, created_at: string, failed_parts: number, more: Partial<Run> = {}) =>
    run(id, { status: "COMPLETED", created_at, failed_parts, ...more });
  const told = (completed: Run[], others: Run[] = []) => withHoles(completed, others).map((each) => each.id);
  const holed = done("holed", "2026-01-01T10:00:00Z", 2);
  expect(told([holed, done("earlier", "2026-01-01T09:00:00Z", 1)])).toEqual(["holed"]);
  expect(told([done("whole", "2026-01-01T11:00:00Z", 0), holed])).toEqual([]);
  expect(told([holed], [run("again", { status: "RUNNING", created_at: "2026-01-01T12:00:00Z" })])).toEqual([]);
  expect(
    told([
      done("child", "2026-01-01T10:00:00Z", 2, { parent_run_id: "p" }),
      done("old", "2026-01-01T10:00:00Z", 2, { replaced_by: "n" }),
    ]),
  ).toEqual([]);
  const own = { workflow_id: "" } as Partial<Run>;
  expect(
    told([done("flow-2", "2026-01-01T11:00:00Z", 1, own), done("flow-1", "2026-01-01T10:00:00Z", 1, own)]),
  ).toEqual(["flow-2", "flow-1"]);
});

test("where nobody computes that comes first, and what is paused after what failed", () => {
  const told = concerns({
    active: [run("p", { status: "PAUSED" })],
    failed: [run("f")],
    holes: [run("h")],
    awaited: [],
    volunteers: [machine("SUSPENDED"), machine("OFFLINE")],
  });
  expect(told.map((each) => each.kind)).toEqual(["nobody", "failed", "holes", "paused", "suspended", "silent"]);
});

test("where all is well nothing is told", () => {
  expect(
    concerns({
      active: [run("a", { status: "RUNNING" })],
      failed: [],
      holes: [],
      awaited: [],
      volunteers: [machine("ONLINE")],
    }),
  ).toEqual([]);
});

test("a run may wait for a signal where a task goes on that has no subtasks", () => {
  const task = { status: "RUNNING", total: 0, child_run_id: null, leased: 0 };
  expect(mayWait(run("a", { tasks: [task] as never }))).toBe(true);
  expect(
    mayWait(
      run("a", {
        tasks: [
          { ...task, total: 3 },
          { ...task, child_run_id: "c" },
        ] as never,
      }),
    ),
  ).toBe(false);
});

test("what volunteers hold is counted over all tasks", () => {
  expect(heldOf(run("a", { tasks: [{ leased: 2 }, { leased: 3 }] as never }))).toBe(5);
});
