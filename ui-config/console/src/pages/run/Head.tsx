import { Link } from "wouter";
import type { Run } from "../../api/runs";
import { duration, moment, number, percent } from "../../text/format";
import { endingSaid } from "../../text/said";
import { t } from "../../text/text";
import { Ago, useNow } from "../../ui/Ago";
import { Icon } from "../../ui/Icon";
import { Progress } from "../../ui/Progress";
import { RunState } from "../../ui/Status";
import { Actions } from "./Actions";
import { ending, reasonOf } from "../../components/eta";

/** What the run is and how far it is, and what can be done with it. */
export function Head({ run }: { run: Run }) {
  const total = run.tasks.reduce((sum, task) => sum + task.total, 0);
  const done = run.tasks.reduce((sum, task) => sum + task.completed, 0);
  return (
    <header className="stack">
      <div className="head">
        <div className="row">
          <Link href="/runs" className="button plain small" aria-label={t("run.all")}>
            <Icon name="back" />
          </Link>
          <h1>{run.name}</h1>
          <RunState run={run} />
        </div>
        <Actions run={run} />
      </div>
      {run.replaced_by && (
        <p className="notice">
          {t("run.replaced")} <Link href={`/runs/${run.replaced_by}`}>{t("run.replaced_by")}</Link>
        </p>
      )}
      {run.error && (
        <p className="problem" role="alert">
          <strong>{t("run.failed_why")}</strong> <span className="error-text">{endingSaid(run)}</span>
        </p>
      )}
      <div className="run-progress">
        <Progress value={run.progress} label={t("run.progress_of", { name: run.name })}>
          {percent(run.progress)}
          {total > 0 && <> · {t("run.subtasks_done", { done, total })}</>}
        </Progress>
        <Ending run={run} />
      </div>
      <Facts run={run} />
    </header>
  );
}

function Ending({ run }: { run: Run }) {
  const now = useNow();
  if (!run.eta) return <Lasted run={run} />;
  const when = ending(run.eta, now);
  return (
    <p className="fine">
      {when && <strong>{when} </strong>}
      <span className="faint">{when ? reasonOf(run.eta) : t("run.no_eta", { reason: reasonOf(run.eta) })}</span>
    </p>
  );
}

function Lasted({ run }: { run: Run }) {
  if (!run.started_at || !run.ended_at) return null;
  const seconds = (new Date(run.ended_at).getTime() - new Date(run.started_at).getTime()) / 1000;
  return <p className="fine faint">{t("run.took", { span: duration(seconds) })}</p>;
}

function Facts({ run }: { run: Run }) {
  const children = run.tasks.filter((task) => task.child_run_id !== null);
  return (
    <dl className="run-facts fine">
      <Fact name={t("run.workflow")}>
        {run.workflow_id ? (
          <Link href={`/workflows/${run.workflow_id}?version=${run.version}`}>
            {t("run.version", { name: run.name, version: run.version })}
          </Link>
        ) : (
          t("run.own_flow")
        )}
      </Fact>
      <Fact name={t("run.owner")}>{run.owner}</Fact>
      <Fact name={t("run.created")}>
        <Ago at={run.created_at} />
      </Fact>
      {run.ended_at && (
        <Fact name={t("run.ended")}>
          <Ago at={run.ended_at} />
        </Fact>
      )}
      <Fact name={t("run.attempt")}>{number(run.attempt)}</Fact>
      {run.deadline && !run.ended_at && <Fact name={t("run.deadline")}>{moment(run.deadline)}</Fact>}
      {run.schedule && <Fact name={t("run.scheduled")}>{moment(run.schedule.at)}</Fact>}
      {run.parent_run_id && (
        <Fact name={t("run.parent")}>
          <Link href={`/runs/${run.parent_run_id}`}>{t("run.open")}</Link>
        </Fact>
      )}
      {children.length > 0 && (
        <Fact name={t("run.children")}>
          {children.map((task) => (
            <Link key={task.name} href={`/runs/${task.child_run_id}`}>
              {task.name}{" "}
            </Link>
          ))}
        </Fact>
      )}
      {run.tags.length > 0 && (
        <Fact name={t("run.tags")}>
          <span className="tags">
            {run.tags.map((tag) => (
              <Link key={tag} className="tag" href={`/runs?tag=${encodeURIComponent(tag)}`}>
                {tag}
              </Link>
            ))}
          </span>
        </Fact>
      )}
      {run.prefect_url && (
        <Fact name="Prefect">
          <a href={run.prefect_url} target="_blank" rel="noreferrer">
            {t("run.in_prefect")} <Icon name="external" size={12} />
          </a>
        </Fact>
      )}
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
