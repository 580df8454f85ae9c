import type { Schemas } from "../../api/client";
import { t } from "../../text/text";
import { clock, duration, moment } from "../../text/format";

type Eta = NonNullable<Schemas["RunView"]["eta"]>;

const DAY = 86_400_000;

/** "between 14:05 and 14:20", as near to now as it is; null where it cannot be told. `now` in milliseconds. */
export function ending(eta: Eta, now: number): string | null {
  if (!eta.from || !eta.until) return null;
  const [from, until] = [new Date(eta.from).getTime(), new Date(eta.until).getTime()];
  const [soonest, latest] = [duration(Math.max(0, (from - now) / 1000)), duration(Math.max(0, (until - now) / 1000))];
  if (soonest === latest) return t("run.ends_in", { span: soonest });
  const told = until - now < DAY ? clock : (time: number) => moment(new Date(time).toISOString());
  return t("run.ends_between", { soonest, latest, from: told(from), until: told(until) });
}

const PATTERNS: [RegExp, (found: string[]) => string][] = [
  [/^it is being cancelled$/, () => t("run.eta.cancelled")],
  [/^it is paused$/, () => t("run.eta.paused")],
  [/^its flow has not told of any task yet$/, () => t("run.eta.no_tasks")],
  [/^nothing is left to do$/, () => t("run.eta.nothing")],
  [/^no volunteer is online$/, () => t("run.eta.no_volunteer")],
  [/^no subtask of it has ended yet, nor of an earlier run of the workflow$/, () => t("run.eta.unknown")],
  [/^task (\S+) waits for (.+)$/, ([, task]) => t("run.eta.waits", { task: task! })],
  [
    /^(\d+) subtasks left on (\d+) slots online, by the durations of (\d+) that ended/,
    ([, left, slots, seen]) => t("run.eta.work", { left: Number(left), slots: Number(slots), seen: Number(seen) }),
  ],
];

/** The service's reason in the language spoken, where it is one that is known; else as it is. */
export function reasonOf(reason: string): string {
  for (const [pattern, say] of PATTERNS) {
    const found = pattern.exec(reason);
    if (found) return say(found);
  }
  return reason;
}
