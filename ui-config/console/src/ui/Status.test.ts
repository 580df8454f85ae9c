import { i18n } from "@lingui/core";
import { beforeAll, expect, test } from "vitest";
import english from "../../../locales/en.json";
import { statusSaid } from "./Status";

beforeAll(() => i18n.loadAndActivate({ locale: "en", messages: english }));

test.each([
  ["FAILED", 1, 1, "Failed"],
  ["FAILED", 3, 8, "Failed, 3 of 8 parts failed"],
  ["COMPLETED", 1, 1, "Completed, 1 of 1 part failed"],
  ["COMPLETED", 0, 6, "Completed"],
] as const)("%s with %d of %d parts failed is told as %s", (status, failed_parts, parts, said) => {
  expect(statusSaid(status, { failed_parts, parts })).toBe(said);
});
