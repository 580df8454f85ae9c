/**
 * When a cron expression is due next, for showing before it is saved. The service decides (coordinator/decisions/
 * schedules.py); here are read: five fields of numbers, names, *, lists, ranges and steps. Other expressions that the
 * service knows are shown once they are saved.
 */

const FIELDS = [
  { least: 0, most: 59 },
  { least: 0, most: 23 },
  { least: 1, most: 31 },
  { least: 1, most: 12, names: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"] },
  { least: 0, most: 7, names: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] },
] as const;

export interface Cron {
  minutes: ReadonlySet<number>;
  hours: ReadonlySet<number>;
  days: ReadonlySet<number>;
  months: ReadonlySet<number>;
  weekdays: ReadonlySet<number>;
  /** Either of days and weekdays suffices where neither is `*`, as cron has it. */
  either: boolean;
}

function one(text: string, field: (typeof FIELDS)[number]): number | null {
  if (/^\d{1,2}$/.test(text)) {
    const value = Number(text);
    return value >= field.least && value <= field.most ? value : null;
  }
  const at = "names" in field ? (field.names as readonly string[]).indexOf(text.toLowerCase()) : -1;
  return at < 0 ? null : at + field.least;
}

function values(text: string, field: (typeof FIELDS)[number]): Set<number> | null {
  const found = new Set<number>();
  for (const part of text.split(",")) {
    const [range = "", step, more] = part.split("/");
    if (more !== undefined || (step !== undefined && !/^[1-9]\d?$/.test(step))) return null;
    const [first = "", last, third] = range === "*" ? [String(field.least), String(field.most)] : range.split("-");
    const from = one(first, field);
    const until = last === undefined ? (step === undefined ? from : field.most) : one(last, field);
    if (third !== undefined || from === null || until === null || until < from) return null;
    for (let value = from; value <= until; value += Number(step ?? 1)) found.add(value);
  }
  return found;
}

/** Read an expression; null if it is none, or one that is not read here. */
export function cronOf(text: string): Cron | null {
  const parts = text.trim().split(/\s+/);
  if (parts.length !== 5) return null;
  const sets = parts.map((part, at) => values(part, FIELDS[at]!));
  const [minutes, hours, days, months, weekdays] = sets;
  if (!minutes || !hours || !days || !months || !weekdays) return null;
  if (weekdays.has(7)) weekdays.add(0);
  return { minutes, hours, days, months, weekdays, either: !parts[2]!.startsWith("*") && !parts[4]!.startsWith("*") };
}

const DAY = 86_400_000;

/** How far a zone's clock is ahead of UTC at a moment, in milliseconds. */
function ahead(at: number, zone: Intl.DateTimeFormat): number {
  const parts = Object.fromEntries(zone.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  return (
    Date.UTC(parts.year!, parts.month! - 1, parts.day, parts.hour! % 24, parts.minute, parts.second) -
    Math.floor(at / 1000) * 1000
  );
}

function clockOf(timezone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat("en-GB", {
    timeZone: timezone,
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
    hourCycle: "h23",
  });
}

/** The next `count` times after `now` (milliseconds), in milliseconds; none if none comes within four years. */
export function nextTimes(cron: Cron, timezone: string, now: number, count: number): number[] {
  const zone = clockOf(timezone);
  const found: number[] = [];
  const local = now + ahead(now, zone);
  let day = Math.floor(local / DAY) * DAY;
  for (let looked = 0; looked < 1462 && found.length < count; looked++, day += DAY) {
    const date = new Date(day);
    if (!cron.months.has(date.getUTCMonth() + 1)) continue;
    const byDay = cron.days.has(date.getUTCDate());
    const byWeekday = cron.weekdays.has(date.getUTCDay());
    if (cron.either ? !byDay && !byWeekday : !byDay || !byWeekday) continue;
    for (const hour of [...cron.hours].sort((a, b) => a - b)) {
      for (const minute of [...cron.minutes].sort((a, b) => a - b)) {
        const wall = day + (hour * 60 + minute) * 60_000;
        let at = wall - ahead(wall, zone);
        at = wall - ahead(at, zone); // the clock may change between the two
        if (at > now && at > (found.at(-1) ?? 0)) found.push(at);
        if (found.length === count) return found;
      }
    }
  }
  return found;
}

export function isZone(timezone: string): boolean {
  try {
    clockOf(timezone);
    return true;
  } catch {
    return false;
  }
}

export interface Simple {
  every: "hour" | "day" | "week" | "month";
  minute: number;
  hour: number;
  weekday: number;
  day: number;
}

/** The expression for what the simple form says. */
export function cronFor({ every, minute, hour, weekday, day }: Simple): string {
  if (every === "hour") return `${minute} * * * *`;
  if (every === "day") return `${minute} ${hour} * * *`;
  if (every === "week") return `${minute} ${hour} * * ${weekday}`;
  return `${minute} ${hour} ${day} * *`;
}

const SIMPLE = /^(\d{1,2}) (\*|\d{1,2}) (\*|\d{1,2}) \* (\*|[0-6])$/;

/** What the simple form would say of an expression; null of one that it cannot say. */
export function simpleOf(expression: string): Simple | null {
  const found = SIMPLE.exec(expression.trim());
  if (!found || !cronOf(expression)) return null;
  const [minute, hour, day, weekday] = found.slice(1).map((part) => (part === "*" ? null : Number(part)));
  if (minute === null || minute === undefined || (day !== null && weekday !== null)) return null;
  const standard: Simple = { every: "day", minute, hour: hour ?? 0, weekday: weekday ?? 1, day: day ?? 1 };
  if (hour === null) return day === null && weekday === null ? { ...standard, every: "hour" } : null;
  return { ...standard, every: weekday !== null ? "week" : day !== null ? "month" : "day" };
}
