/** Why something waits, in the user's language. A reason of an unknown kind is shown in the service's own words. */
import type { Reason, Run } from "../api/runs";
import { moment, number, size } from "../text/format";
import { known, t } from "../text/text";

export function says(reason: Reason, run: Pick<Run, "status">): string {
  const { kind, count, values } = reason;
  const task = reason.task ?? "";
  switch (kind) {
    case "paused":
      return reason.task === null ? t("why.paused", { count }) : t("why.paused_task", { task, count });
    case "dependencies": {
      const tasks = (values.tasks as string[] | undefined) ?? [];
      return tasks.length === 0 ? t("why.behind", { count }) : t("why.dependencies", { task, tasks: tasks.join(", ") });
    }
    case "no-volunteers":
      return t("why.no_volunteers", { count });
    case "no-fitting-volunteer":
      return t("why.no_fitting", {
        task,
        online: Number(values.online ?? 0),
        wanted: wanted(values, values),
        most: wanted(values, values.most),
      });
    case "volunteers-busy":
      return t("why.busy", {
        task,
        count,
        machines: Number(values.machines ?? 0),
        slots: Number(values.slots ?? 0),
        leased: Number(values.leased ?? 0),
      });
    case "quota":
      return t(values.quota === "queued" ? "why.quota_queued" : "why.quota_leased", {
        used: Number(values.used ?? 0),
        allowed: Number(values.allowed ?? 0),
      });
    case "backoff":
      return typeof values.until === "string"
        ? t("why.backoff_until", { task, count, until: moment(values.until) })
        : t("why.backoff", { task, count });
    case "signal":
      return t("why.signal", { task, signal: String(values.signal ?? "") });
    case "sleep":
      return typeof values.until === "string"
        ? t("why.sleep_until", { task, until: moment(values.until) })
        : t("why.sleep", { task });
    case "child":
      return t("why.child", { task });
    case "checking":
      return t("why.checking", { task, count });
    case "not-started":
      if (reason.task !== null) return t(values.splitting ? "why.splitting" : "why.not_started_task", { task });
      return t(values.lost ? "why.worker_lost" : values.scheduled === false ? "why.not_scheduled" : "why.not_started");
    case "none":
      if (run.status === "COMPLETED" || run.status === "FAILED" || run.status === "CANCELLED") return t("why.ended");
      if (values.cancelling) return t("why.cancelling");
      if (Array.isArray(values.tasks)) return t("why.joining", { tasks: values.tasks.join(", ") });
      return count > 0 ? t("why.none_out", { count }) : t("why.none");
    default:
      return reason.detail;
  }
}

/** What would help, where anything would. */
export function helpFor({ kind }: Reason): string | null {
  const key = `help.${kind}`;
  return known(key) ? t(key) : null;
}

function wanted(values: Record<string, unknown>, from: unknown): string {
  const amounts = from as Record<string, unknown>;
  const short = (values.short as string[] | undefined) ?? ["cpu", "memory", "storage"];
  return short
    .map((name) => {
      const amount = Number(amounts?.[name] ?? 0);
      if (name === "cpu") return t("why.cores", { count: number(amount, 1) });
      return t(name === "memory" ? "why.memory" : "why.storage", { size: size(amount) });
    })
    .join(", ");
}
