import { i18n } from "@lingui/core";
import { afterEach, expect, test, vi } from "vitest";
import { moment } from "./format";
import { regional } from "./text";

afterEach(() => vi.unstubAllGlobals());

test.each([
  ["en", ["en-GB", "en"], "en-GB"],
  ["en", ["fr-CM", "en-US"], "en-US"],
  ["en", ["fr-CM", "en"], "en-CM"],
  ["en", ["de-Latn-CH-1996"], "en-CH"],
  ["en", ["es-419"], "en-419"],
  ["en", ["en"], "en"],
  ["en", [], "en"],
  ["fr", ["en-GB", "fr-CA"], "fr-CA"],
  ["fr", ["fr", "fr-FR"], "fr-FR"],
] as const)("%s for who prefers %j is written as %s", (language, preferred, written) => {
  expect(regional(language, preferred)).toBe(written);
  expect(() => new Intl.DateTimeFormat(written)).not.toThrow();
});

test("English dates are those of the browser's region", () => {
  i18n.loadAndActivate({ locale: "en", messages: {} });
  vi.stubGlobal("navigator", { languages: ["en-GB"] });
  expect(moment("2026-11-24T19:00:00Z")).toMatch(/^24 Nov 2026/);
  vi.stubGlobal("navigator", { languages: ["en-US"] });
  expect(moment("2026-11-24T19:00:00Z")).toMatch(/^Nov 24, 2026/);
});
