import { i18n } from "@lingui/core";
import type english from "../../../locales/en.json";

export type Key = keyof typeof english;
export type Language = "en" | "fr";
type Values = Record<string, string | number>;

export const LANGUAGES: readonly Language[] = ["en", "fr"];
const REMEMBERED = "njangi.language";

const texts = {
  en: () => import("../../../locales/en.json"),
  fr: () => import("../../../locales/fr.json"),
};

/** The text of the language that is spoken. Plurals and numbers are ICU MessageFormat, in ui-config/locales. */
export function t(key: Key, values?: Values): string {
  return i18n._(key, values);
}

/** Whether there is such a text: for keys that come from elsewhere, such as the types of events. */
export function known(key: string): key is Key {
  return key in i18n.messages;
}

export function language(): Language {
  return i18n.locale === "fr" ? "fr" : "en";
}

const REGION = /-([A-Z]{2}|\d{3})(?=-|$)/i;

/** The regional form of a language: the first tag among the browser's preferences that names this language. */
export function regional(of: Language, preferred: readonly string[]): string {
  const regions = preferred
    .map((tag) => ({ own: tag.slice(0, 2) === of, region: REGION.exec(tag)?.[1] }))
    .filter(({ region }) => region);
  const region = (regions.find(({ own }) => own) ?? regions[0])?.region;
  return region ? `${of}-${region.toUpperCase()}` : of;
}

/** What dates and numbers are written by. */
export function locale(): string {
  return regional(language(), globalThis.navigator?.languages ?? []);
}

/** The language chosen before, else the browser's, else English. */
export function preferred(): Language {
  const chosen = localStorage.getItem(REMEMBERED);
  if (chosen === "en" || chosen === "fr") return chosen;
  const spoken = navigator.languages.map((tag) => tag.slice(0, 2)).find((tag) => tag === "en" || tag === "fr");
  return spoken === "fr" ? "fr" : "en";
}

/** Speak `to` from now on; whoever shows texts must draw itself anew. */
export async function speak(to: Language): Promise<void> {
  const messages = (await texts[to]()).default;
  i18n.load(to, messages);
  i18n.activate(to, regional(to, navigator.languages));
  document.documentElement.lang = to;
}

export function remember(chosen: Language): void {
  localStorage.setItem(REMEMBERED, chosen);
}
