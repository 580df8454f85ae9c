import { expect, test } from "vitest";
import type { Volunteer } from "../../api/volunteers";
import { missing, passes, reliability } from "./machines";

const machine = {
  os: "Linux",
  arch: "x86_64",
  python: "3.11",
  cpu: 2,
  memory: 1,
  storage: 1,
  sandbox: "bubblewrap",
  missing: [] as string[],
};
const attic = { status: "ONLINE", machine } as unknown as Volunteer;

test("reliability is unknown before anything was reported", () => {
  expect(reliability({ completed: 0, failed: 0 })).toBeNull();
  expect(reliability({ completed: 3, failed: 1 })).toBe(0.75);
});

test("machines are found by state and by whether they have a sandbox", () => {
  const open = { ...attic, machine: { ...machine, sandbox: "none" } } as Volunteer;
  expect(passes(attic, "ONLINE", "boxed")).toBe(true);
  expect(passes(attic, "SUSPENDED", "")).toBe(false);
  expect(passes(open, "", "boxed")).toBe(false);
  expect(passes(open, "", "none")).toBe(true);
});

test("what is missing is said in plain words, or in the machine's own", () => {
  const told = missing({ ...machine, missing: ["no sandbox: bubblewrap is not installed", "something new"] });
  expect(told).toEqual([
    { text: "sandbox.no_sandbox", words: "no sandbox: bubblewrap is not installed" },
    { text: null, words: "something new" },
  ]);
});
