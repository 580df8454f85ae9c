import { i18n } from "@lingui/core";
import { beforeAll, expect, test } from "vitest";
import english from "../../../locales/en.json";
import { statusSaid, toneWith } from "./Status";

beforeAll(() => i18n.loadAndActivate({ locale: "en", messages: english }));

test.each([
  ["FAILED", 1, 1, "Failed"],
  ["FAILED", 3, 8, "Failed, 3 of 8 subtasks failed"],
  ["COMPLETED", 1, 1, "Completed, 1 of 1 subtask failed"],
  ["COMPLETED", 0, 6, "Completed"],
] as const)("%s with %d of %d subtasks failed is shown as %s", (status, failed_parts, parts, said) => {
  expect(statusSaid(status, { failed_parts, parts })).toBe(said);
});

test("a run that completed although subtasks failed does not look as if all had gone well", () => {
  expect(toneWith("COMPLETED", { failed_parts: 2, parts: 6 })).toBe("warn");
  expect([
    toneWith("COMPLETED", { failed_parts: 0, parts: 6 }),
    toneWith("FAILED", { failed_parts: 2, parts: 6 }),
  ]).toEqual(["good", "bad"]);
});
