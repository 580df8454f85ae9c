import { locale } from "./text";

/** Formats for people, in their language and region. Times come as RFC 3339, durations in seconds, sizes in bytes. */

const kept = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat>();

function once<Format extends Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat>(
  name: string,
  make: (locale: string) => Format,
): Format {
  const where = locale();
  const key = `${where} ${name}`;
  let format = kept.get(key);
  if (!format) kept.set(key, (format = make(where)));
  return format as Format;
}

export function number(value: number, digits = 0): string {
  return once(`number ${digits}`, (locale) => new Intl.NumberFormat(locale, { maximumFractionDigits: digits })).format(
    value,
  );
}

function decimalMark(): string {
  const parts = once("number 1", (locale) => new Intl.NumberFormat(locale, { maximumFractionDigits: 1 })).formatToParts(
    0.5,
  );
  return parts.find(({ type }) => type === "decimal")?.value ?? ".";
}

/** A typed number with the decimal point that programs read. A comma counts as one only in French: 1,000 is not 1. */
export function pointed(text: string, mark = decimalMark()): string {
  return mark === "," ? text.trim().replace(",", ".") : text.trim();
}

export function percent(share: number): string {
  const cut = share < 1 ? Math.min(share, 0.99) : 1; // what is not done is never shown as 100 %
  return once("percent", (locale) => new Intl.NumberFormat(locale, { style: "percent" })).format(
    Math.floor(cut * 100) / 100,
  );
}

const SIZES = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

export function size(bytes: number): string {
  const power = Math.min(SIZES.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  return once(
    `size ${power}`,
    (locale) =>
      new Intl.NumberFormat(locale, {
        style: "unit",
        unit: SIZES[power],
        unitDisplay: power ? "short" : "long",
        maximumFractionDigits: power ? 1 : 0,
      }),
  ).format(bytes / 1000 ** power);
}

const SPANS = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
] as const;

function unit(value: number, name: string, digits = 0): string {
  return once(
    `unit ${name} ${digits}`,
    (locale) =>
      new Intl.NumberFormat(locale, { style: "unit", unit: name, unitDisplay: "short", maximumFractionDigits: digits }),
  ).format(value);
}

/** Two units at most: "1 h 5 min", "12 s", "0.4 s"; what takes next to no time takes 3 ms and not none. */
export function duration(seconds: number): string {
  if (seconds > 0 && seconds < 0.095) return unit(Math.ceil(seconds * 1000), "millisecond");
  if (seconds < 9.95) return unit(Math.max(0, Math.round(seconds * 10) / 10), "second", 1);
  const rounded = Math.round(seconds);
  const at = SPANS.findIndex(([, length]) => rounded >= length);
  const [name, length] = SPANS[at] ?? SPANS[3];
  const next = SPANS[at + 1];
  if (!next) return unit(rounded, name);
  const whole = Math.floor(rounded / length);
  const rest = Math.floor((rounded - whole * length) / next[1]);
  return rest === 0 ? unit(whole, name) : `${unit(whole, name)} ${unit(rest, next[0])}`;
}

export function moment(time: string): string {
  return once(
    "moment",
    (locale) => new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" }),
  ).format(new Date(time));
}

/** A moment in milliseconds as a zone's clock shows it. */
export function momentIn(time: number, zone: string): string {
  return once(
    `moment ${zone}`,
    (locale) => new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "short", timeZone: zone }),
  ).format(time);
}

/** The name of a day of the week; 0 is Sunday. */
export function weekdayName(day: number): string {
  const sunday = Date.UTC(2026, 10, 22);
  return once("weekday", (locale) => new Intl.DateTimeFormat(locale, { weekday: "long", timeZone: "UTC" })).format(
    sunday + day * 86_400_000,
  );
}

export function clock(time: string | number): string {
  return once("clock", (locale) => new Intl.DateTimeFormat(locale, { timeStyle: "medium" })).format(new Date(time));
}

/** "3 minutes ago", "in 2 hours". `now` in milliseconds. */
export function ago(time: string, now: number): string {
  const seconds = (new Date(time).getTime() - now) / 1000;
  const relative = once("ago", (locale) => new Intl.RelativeTimeFormat(locale, { numeric: "auto" }));
  for (const [name, length] of SPANS) {
    if (Math.abs(seconds) >= length) return relative.format(Math.trunc(seconds / length), name);
  }
  return relative.format(0, "second");
}

/** How long ago something happened. `now` may lag behind by seconds: what is newer has just happened. */
export function since(time: string, now: number): string {
  return ago(time, Math.max(now, new Date(time).getTime()));
}
