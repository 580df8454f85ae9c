import { useQueries } from "@tanstack/react-query";
import { Link } from "wouter";
import { type Run, type RunTask, subtasksQuery } from "../../../api/runs";
import { number } from "../../../text/format";
import { t } from "../../../text/text";
import { useSubtaskPlace } from "../place";

const NAMED = 20;

/** Beside a result: which parts are not in it, and where each tells why. */
export function FailedParts({ run, task }: { run: Run; task: RunTask }) {
  const [, open] = useSubtaskPlace();
  const pages = useQueries({
    queries: (["FAILED", "DEAD"] as const).map((status) => ({
      ...subtasksQuery(run.id, task.name, status),
      enabled: task.total > 0,
    })),
  });
  const found = pages.flatMap(({ data }) => data?.subtasks ?? []).map(({ index }) => index);
  const named = found.toSorted((a, b) => a - b).slice(0, NAMED);
  const more = task.failed_parts - named.length;
  return (
    <div className="notice">
      <p>
        {t("results.with_failed", { failed: task.failed_parts, parts: task.parts })}{" "}
        <Link href={`/runs/${task.child_run_id ?? run.id}/errors`}>{t("results.which_failed")}</Link>
      </p>
      {named.length > 0 && (
        <p className="row fine">
          {t("results.failed_indexes")}
          {named.map((index) => (
            <button
              key={index}
              type="button"
              className="link"
              aria-label={t("story.title", { task: task.name, index: number(index) })}
              onClick={() => open({ task: task.name, index })}
            >
              {number(index)}
            </button>
          ))}
          {more > 0 && <span className="faint">{t("results.more_failed", { count: more })}</span>}
        </p>
      )}
    </div>
  );
}
