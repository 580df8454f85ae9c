import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { runsQuery } from "../../api/runs";
import type { Workflow } from "../../api/workflows";
import { duration, number } from "../../text/format";
import { endingSaid } from "../../text/said";
import { t } from "../../text/text";
import { Ago, useNow } from "../../ui/Ago";
import { Progress } from "../../ui/Progress";
import { Scroll } from "../../ui/Scroll";
import { isOver, RunState } from "../../ui/Status";
import { Empty, Loading, Problem } from "../../ui/states";

const SHOWN = 25;

/** The newest runs of a workflow. */
export function RunsOf({ workflow, onRun }: { workflow: Workflow; onRun?: () => void }) {
  const runs = useQuery(runsQuery({ workflow_id: workflow.id }, { pageSize: SHOWN }));
  const now = useNow();
  if (!runs.data) return runs.isError ? <Problem error={runs.error} again={() => void runs.refetch()} /> : <Loading />;
  if (runs.data.runs.length === 0) {
    return (
      <Empty
        title={t("workflow.no_runs")}
        action={
          onRun && (
            <button type="button" className="primary" onClick={onRun}>
              {t("workflow.run")}
            </button>
          )
        }
      >
        {t("workflow.no_runs_hint")}
      </Empty>
    );
  }
  return (
    <div className="stack">
      <Scroll label={t("workflow.tab_runs")}>
        <table className="folding">
          <thead>
            <tr>
              <th scope="col">{t("run.created")}</th>
              <th scope="col">{t("workflow.run_state")}</th>
              <th scope="col">{t("workflow.run_progress")}</th>
              <th scope="col">{t("workflow.run_took")}</th>
              <th scope="col" className="number">
                {t("workflows.version")}
              </th>
              <th scope="col">{t("workflows.owner")}</th>
            </tr>
          </thead>
          <tbody>
            {runs.data.runs.map((run) => (
              <tr key={run.id}>
                <th scope="row">
                  <Link href={`/runs/${run.id}`}>
                    <Ago at={run.created_at} />
                  </Link>
                </th>
                <td data-label={t("workflow.run_state")}>
                  <RunState run={run} />
                </td>
                <td data-label={t("workflow.run_progress")}>
                  {!isOver(run.status) && (
                    <Progress value={run.progress} label={t("workflow.progress_of", { name: run.name })} />
                  )}
                  {run.error && <span className="fine clamp">{endingSaid(run)}</span>}
                </td>
                <td data-label={t("workflow.run_took")}>
                  {run.started_at &&
                    duration((new Date(run.ended_at ?? now).getTime() - new Date(run.started_at).getTime()) / 1000)}
                </td>
                <td data-label={t("workflows.version")} className="number">
                  {number(run.version)}
                </td>
                <td data-label={t("workflows.owner")}>{run.owner}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {runs.data.next_page_token && <Link href={`/runs?workflow_id=${workflow.id}`}>{t("workflow.all_runs")}</Link>}
    </div>
  );
}
