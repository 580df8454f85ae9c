import { readFileSync } from "node:fs";
import { join } from "node:path";
import { i18n } from "@lingui/core";
import { compileMessage } from "@lingui/message-utils/compileMessage";
import { beforeEach, describe, expect, test } from "vitest";
import type { Reason } from "../../api/runs";
import { reasonOf } from "../../components/eta";
import { marked } from "./marked";
import { read, written } from "./parameters";
import { placeOf } from "./place";
import { helpFor, says } from "../../components/reasons";
import { waitsOf } from "./waits";

function speak(language: "en" | "fr") {
  const texts: Record<string, string> = JSON.parse(
    readFileSync(join(import.meta.dirname, `../../../../locales/${language}.json`), "utf8"),
  );
  i18n.load(language, Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, compileMessage(text)])));
  i18n.activate(language);
}

const KINDS: [string, Partial<Reason>][] = [
  ["paused", { task: null, count: 3 }],
  ["paused", {}],
  ["dependencies", { values: { tasks: ["a", "b"] } }],
  ["dependencies", { task: null, count: 7, values: { tasks: [] } }],
  ["no-volunteers", { task: null }],
  [
    "no-fitting-volunteer",
    {
      values: {
        cpu: 8,
        memory: 2e9,
        storage: 1,
        short: ["cpu", "memory"],
        most: { cpu: 2, memory: 1e9, storage: 5 },
        online: 2,
      },
    },
  ],
  ["volunteers-busy", { values: { machines: 2, online: 3, slots: 4, leased: 4 } }],
  ["quota", { values: { quota: "leased", used: 10, allowed: 10 } }],
  ["quota", { values: { quota: "queued", used: 10, allowed: 10 } }],
  ["backoff", { values: { until: "2026-11-24T12:00:00Z" } }],
  ["backoff", { values: { until: null } }],
  ["signal", { values: { signal: "approve", until: null } }],
  ["sleep", { values: { until: "2026-11-24T12:00:00Z" } }],
  ["child", { values: { run_id: "r2", status: "RUNNING" } }],
  ["checking", {}],
  ["not-started", { task: null, values: { lost: true } }],
  ["not-started", {}],
  ["not-started", { task: null, values: { lost: false, scheduled: false } }],
  ["not-started", { values: { splitting: true } }],
  ["none", { task: null, count: 2 }],
  ["none", { task: null, count: 0, values: { cancelling: true } }],
  ["none", { task: null, count: 0, values: { tasks: ["draw"] } }],
];

describe.each(["en", "fr"] as const)("in %s", (language) => {
  beforeEach(() => speak(language));

  test.each(KINDS)("a run that waits for %s says so in words", (kind, more) => {
    const reason: Reason = { task: "draw", kind, count: 1, values: {}, detail: "as the service says it", ...more };
    const said = says(reason, { status: "RUNNING" });
    expect(said).not.toContain("why.");
    expect(said).not.toMatch(/[{}]|undefined|NaN|as the service says it/);
    expect(helpFor(reason) ?? "").not.toMatch(/^help\./);
  });

  test("what is of no known kind is told as the service tells it", () => {
    expect(says({ task: null, kind: "tomorrow", count: 0, values: {}, detail: "because" }, { status: "RUNNING" })).toBe(
      "because",
    );
  });

  test.each([
    ["paused", {}],
    ["no-volunteers", {}],
    ["signal", { task: "approval", signal: "approve" }],
    ["work", { left: 12, slots: 4, seen: 30, fewest: 2 }],
  ])("a forecast that rests on %s says so in words", (code, values) => {
    const said = reasonOf({ reason: "as the service says it", code, values });
    expect(said).not.toMatch(/run\.eta|[{}]|undefined|as the service says it/);
  });
});

test("parameters keep their kind", () => {
  expect(read("7", "text")).toEqual({ value: "7" });
  expect(read("7", 3)).toEqual({ value: 7 });
  expect(read("seven", 3)).toBeNull();
  expect(read('"7"', 3)).toBeNull();
  expect(read("1", true)).toBeNull();
  expect(read("[1,", [])).toBeNull();
  for (const value of ["a", 1.5, true, null, [1, { a: "b" }]]) expect(read(written(value), value)).toEqual({ value });
});

test("what was searched for is marked wherever it stands", () => {
  expect(
    marked("Error: no error", "error")
      .map(({ text, hit }) => (hit ? `[${text}]` : text))
      .join(""),
  ).toBe("[Error]: no [error]");
  expect(marked("aaa", "aa")).toEqual([
    { text: "aa", hit: true },
    { text: "a", hit: false },
  ]);
  expect(marked("x", "")).toEqual([{ text: "x", hit: false }]);
});

test("an address names a subtask, or none", () => {
  expect(placeOf("draw/12")).toEqual({ task: "draw", index: 12 });
  for (const wrong of [null, "", "draw", "/3", "draw/x", "draw/-1"]) expect(placeOf(wrong)).toBeNull();
});

test("signals that are waited for are found in specs and in flows", () => {
  const task = (name: string, status: "RUNNING" | "PENDING") => ({
    name,
    status,
    total: 0,
    queued: 0,
    leased: 0,
    completed: 0,
    failed: 0,
    progress: 0,
    error: null,
    child_run_id: null,
  });
  const run = {
    tasks: [task("approval", "RUNNING"), task("later", "PENDING"), task("wait-go-on-2", "RUNNING")],
  } as never;
  const spec = {
    tasks: [
      { name: "approval", wait: { signal: "approve" } },
      { name: "later", wait: { signal: "x" } },
    ],
  };
  expect(waitsOf(run, spec)).toEqual([{ task: "approval", signal: "approve" }]);
  expect(waitsOf(run, null)).toEqual([{ task: "wait-go-on-2", signal: "go-on" }]);
});
