import type { Schemas } from "../api/client";
import { clock, duration, moment } from "../text/format";
import { said } from "../text/said";
import { t } from "../text/text";

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

/** What the forecast rests on, or why there is none. */
export function reasonOf({ reason, code, values }: Pick<Eta, "reason" | "code" | "values">): string {
  return said(`run.eta.${code}`, { detail: reason, code, values });
}
