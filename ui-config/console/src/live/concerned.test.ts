import { expect, test } from "vitest";
import { concerned } from "./concerned";

test("a thousand events of one run make its answers old once", () => {
  const bundle = Array.from({ length: 1000 }, (_, seq) => ({ seq, type: "subtasks.completed", run_id: "r1" }));
  expect(concerned(bundle)).toEqual([
    ["runs", "r1"],
    ["runs", "list"],
    ["logs", "r1"],
  ]);
});

test("what does not change the progress of a run leaves lists alone", () => {
  expect(concerned([{ seq: 1, type: "subtasks.leased", run_id: "r1" }])).toEqual([["runs", "r1"]]);
});

test("a run that ends changes all that is told of it, and the lists, too", () => {
  expect(concerned([{ seq: 1, type: "run.completed", run_id: "r1" }])).toEqual([
    ["runs", "r1"],
    ["runs", "list"],
    ["timelines", "r1"],
    ["results", "r1"],
    ["task-times", "r1"],
    ["comparisons"],
    ["workflows"],
  ]);
});

test("a machine that falls silent changes what is told of runs", () => {
  expect(concerned([{ seq: 1, type: "volunteer.lost", run_id: null }])).toEqual([["volunteers"], ["runs"]]);
});

test("after a gap everything is asked anew", () => {
  expect(concerned([{ seq: 9, type: "resync" }])).toEqual([[]]);
});
