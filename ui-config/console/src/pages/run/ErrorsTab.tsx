import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { may, useMe } from "../../api/me";
import { own } from "../../api/own";
import { type ErrorGroup, errorsQuery, type Run, useControl } from "../../api/runs";
import { number } from "../../text/format";
import { failureSaid } from "../../text/said";
import { t } from "../../text/text";
import { Ago } from "../../ui/Ago";
import { Confirm } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import { Empty, Loading, Problem } from "../../ui/states";
import { tell } from "../../ui/toasts";
import { useSubtaskPlace } from "./place";

/** What went wrong, by its cause, and a way to try only that again. */
export default function ErrorsTab({ run }: { run: Run }) {
  const errors = useQuery(errorsQuery(run.id));
  if (errors.isPending) return <Loading />;
  if (errors.isError && !errors.data) return <Problem error={errors.error} again={() => void errors.refetch()} />;
  const { groups, more } = errors.data!;
  if (groups.length === 0) return <Empty title={t("errors.none")}>{t("errors.none_why")}</Empty>;
  return (
    <div className="stack">
      {groups.map((group) => (
        <Group key={group.id} run={run} group={group} />
      ))}
      {more && <p className="notice fine">{t("errors.more")}</p>}
    </div>
  );
}

function Group({ run, group }: { run: Run; group: ErrorGroup }) {
  const me = useMe();
  const control = useControl(run.id);
  const [asked, setAsked] = useState(false);
  const [, open] = useSubtaskPlace();
  const unfinished = run.tasks.filter(({ status }) => status === "FAILED" || status === "CANCELLED");
  const count = unfinished.reduce((sum, { name }) => sum + (own(group.tasks, name) ?? 0), 0);
  const can =
    may.change(me, run.owner) &&
    (run.status === "FAILED" || run.status === "CANCELLED") &&
    count > 0 &&
    run.workflow_id !== "";
  async function retry() {
    await control.mutateAsync({ verb: "retry-failed", error_group: group.id });
    tell(t("errors.retried"));
  }
  return (
    <section className="card" aria-label={group.type}>
      <div className="head">
        <h2 className="row">
          <span className="status bad">
            <Icon name="cross" size={16} />
          </span>
          {group.type}
        </h2>
        <span className="number">{t("errors.count", { count: group.count })}</span>
      </div>
      {failureSaid(group.type) && <p>{failureSaid(group.type)}</p>}
      <p className="error-text">{group.message}</p>
      <p className="fine faint">
        {Object.entries(group.tasks).map(([task, count]) => (
          <span key={task} className="tag">
            {t("errors.of_task", { task, count: number(count) })}
          </span>
        ))}{" "}
        {t("errors.where", { count: group.volunteers })} · <Ago at={group.last_at} />
      </p>
      {group.stderr && (
        <details>
          <summary>{t("story.stderr")}</summary>
          <pre tabIndex={0}>{group.stderr}</pre>
        </details>
      )}
      <div className="row">
        {group.examples.map((place) => (
          <button key={`${place.task}/${place.index}`} type="button" className="small" onClick={() => open(place)}>
            {t("story.title", { task: place.task, index: number(place.index) })}
          </button>
        ))}
        {can && (
          <button type="button" className="small primary" onClick={() => setAsked(true)}>
            <Icon name="refresh" />
            {t("errors.retry")}
          </button>
        )}
      </div>
      {asked && (
        <Confirm
          title={t("errors.retry_title")}
          action={t("errors.retry")}
          onConfirm={retry}
          onClose={() => setAsked(false)}
        >
          <p>{t("errors.retry_what", { count })}</p>
        </Confirm>
      )}
    </section>
  );
}
