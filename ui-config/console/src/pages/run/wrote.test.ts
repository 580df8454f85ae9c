import { expect, test } from "vitest";
import { streamsOf } from "./Wrote";

const wrote = { stdout: "", stderr: "", stdout_bytes: 0, stderr_bytes: 0, stdout_is_result: false };
const told = (kept: Partial<typeof wrote> | { stdout: null }) =>
  streamsOf({ ...wrote, ...kept } as Parameters<typeof streamsOf>[0]).map(({ name, text, note }) => [name, text, note]);

test("both streams are shown, each as far as it is kept", () => {
  expect(told({ stdout: "a", stdout_bytes: 1, stderr: "b", stderr_bytes: 3_000_000 })).toEqual([
    ["stdout", "a", null],
    ["stderr", "b", "wrote.end"],
  ]);
});

test("standard output that is the result is not said to be nothing", () => {
  expect(told({ stdout: null as never, stdout_bytes: 40, stdout_is_result: true })).toEqual([
    ["stdout", null, "wrote.is_result"],
  ]);
});

test("an attempt that wrote nothing, one that never told, and one whose text is not kept are three things", () => {
  expect(told({})).toEqual([["stderr", null, "wrote.nothing"]]);
  expect(
    told({ stdout: null as never, stderr: null as never, stdout_bytes: null as never, stderr_bytes: null as never }),
  ).toEqual([["stderr", null, "wrote.unknown"]]);
  expect(told({ stderr: null as never, stderr_bytes: 9 })).toEqual([["stderr", null, "wrote.not_kept"]]);
});
