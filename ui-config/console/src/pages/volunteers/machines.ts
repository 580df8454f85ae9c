import type { Machine, Volunteer } from "../../api/volunteers";
import type { Key } from "../../text/text";

/** What the console makes of what a machine says of itself. */

export type StateFilter = "" | Volunteer["status"];
export type SandboxFilter = "" | "boxed" | "none";

export function passes(volunteer: Volunteer, state: StateFilter, sandbox: SandboxFilter): boolean {
  if (state && volunteer.status !== state) return false;
  return sandbox === "" || (sandbox === "none") === (volunteer.machine.sandbox === "none");
}

/** The share of what was reported that was accepted, from 0 to 1; null where nothing was reported. */
export function reliability({ completed, failed }: { completed: number; failed: number }): number | null {
  return completed + failed === 0 ? null : completed / (completed + failed);
}

const MISSING: readonly (readonly [begins: string, text: Key])[] = [
  ["no sandbox", "sandbox.no_sandbox"],
  ["tasks can read this account", "sandbox.reads_files"],
  ["tasks can use the network", "sandbox.network"],
  ["tasks can write wherever", "sandbox.writes"],
  ["a task's background processes", "sandbox.background"],
  ["system calls are not filtered", "sandbox.system_calls"],
  ["a task can start processes without bound", "sandbox.processes"],
];

/** A protection that a machine does without: the text that says so, or its own words where there is none. */
export function missing(machine: Machine): { text: Key | null; words: string }[] {
  return machine.missing.map((words) => ({
    text: MISSING.find(([begins]) => words.startsWith(begins))?.[1] ?? null,
    words,
  }));
}
