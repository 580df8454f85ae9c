import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { Link } from "wouter";
import type { Schemas } from "../../../api/client";
import { isExact, write } from "../../../api/exact";
import { may, useMe } from "../../../api/me";
import { ENDED, type Run, subtasksQuery, taskTimesQuery, useControl } from "../../../api/runs";
import { moment, number } from "../../../text/format";
import { endingSaid } from "../../../text/said";
import { t } from "../../../text/text";
import { Ago } from "../../../ui/Ago";
import { Icon } from "../../../ui/Icon";
import { Progress } from "../../../ui/Progress";
import { Scroll } from "../../../ui/Scroll";
import { Empty, inWords, Loading, Problem } from "../../../ui/states";
import { isOver, Status } from "../../../ui/Status";
import { tell } from "../../../ui/toasts";
import { useVolunteerNames } from "../names";
import { useSubtaskPlace } from "../place";
import { PauseDialog } from "../Stopping";
import { doing, type TaskNode } from "./graph";
import { statusOf } from "./TaskFace";

/** All about one task: its state, what it runs, what became of its subtasks. */
export function TaskPanel({ run, node, onClose }: { run: Run; node: TaskNode; onClose: () => void }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const me = useMe();
  const [pausing, setPausing] = useState(false);
  const control = useControl(run.id);
  useEffect(() => heading.current?.focus(), []);
  const status = statusOf(node);
  const mine = may.change(me, run.owner) && !ENDED.has(run.status) && !isOver(status);
  const line = doing(node);
  const times = useQuery(taskTimesQuery(run.id, node.name, status));
  return (
    <section className="card task-panel" aria-label={t("task.about", { task: node.name })}>
      <div className="head">
        <h2 ref={heading} tabIndex={-1}>
          {node.name}
        </h2>
        <button type="button" className="plain small" aria-label={t("ui.close")} onClick={onClose}>
          <Icon name="close" />
        </button>
      </div>
      <div className="row">
        <Status status={node.paused ? "PAUSED" : status} of={node.task} />
        {mine && !node.paused && (
          <button type="button" className="small" onClick={() => setPausing(true)}>
            <Icon name="pause" />
            {t("task.pause")}
          </button>
        )}
        {mine && node.paused && (
          <button
            type="button"
            className="small"
            disabled={control.isPending}
            onClick={() =>
              control.mutate({ verb: "resume-task", task: node.name }, { onError: (error) => tell(inWords(error)) })
            }
          >
            <Icon name="play" />
            {t("task.resume")}
          </button>
        )}
      </div>
      {node.task?.error && <p className="problem error-text">{endingSaid(node.task)}</p>}
      {node.task && node.task.total > 0 && (
        <>
          <Progress value={node.task.progress} label={t("graph.progress_of", { task: node.name })} />
          <p className="fine">
            {t("task.counts", {
              completed: node.task.completed,
              leased: node.task.leased,
              queued: node.task.queued,
              failed: node.task.failed,
              cancelled: node.task.cancelled,
            })}
          </p>
        </>
      )}
      <dl className="facts fine">
        <dt>{t("task.kind")}</dt>
        <dd>{t(`task.kind.${node.kind}`)}</dd>
        {line && (
          <>
            <dt>{t("task.runs")}</dt>
            <dd>
              <code>{line}</code>
            </dd>
          </>
        )}
        {node.dependencies.length > 0 && (
          <>
            <dt>{t("graph.after")}</dt>
            <dd>{node.dependencies.join(", ")}</dd>
          </>
        )}
        {times.data?.started && (
          <>
            <dt>{t("task.started")}</dt>
            <dd>{moment(times.data.started)}</dd>
          </>
        )}
        {times.data?.ended && (
          <>
            <dt>{t("task.ended")}</dt>
            <dd>{moment(times.data.ended)}</dd>
          </>
        )}
        {node.task?.child_run_id && (
          <>
            <dt>{t("task.child")}</dt>
            <dd>
              <Link href={`/runs/${node.task.child_run_id}`}>{t("run.open")}</Link>
            </dd>
          </>
        )}
      </dl>
      {node.spec && <Settings node={node} />}
      <div className="row">
        {status === "COMPLETED" && (
          <Link className="button small" href={`/runs/${run.id}/results?task=${encodeURIComponent(node.name)}`}>
            {t("run.tab.results")}
          </Link>
        )}
        {node.task && node.task.total > 0 && (
          <Link className="button small" href={`/runs/${run.id}/logs?task=${encodeURIComponent(node.name)}`}>
            {t("run.tab.logs")}
          </Link>
        )}
        {node.task && node.task.failed > 0 && (
          <Link className="button small" href={`/runs/${run.id}/errors`}>
            {t("run.tab.errors")}
          </Link>
        )}
      </div>
      {node.task && node.task.total > 0 && <Subtasks run={run} task={node.name} />}
      {pausing && <PauseDialog run={run} task={node.name} onClose={() => setPausing(false)} />}
    </section>
  );
}

const HIDDEN = new Set(["name", "dependencies", "command", "python", "wait", "sleep", "workflow"]);

/** The rest of what the workflow says of the task, as it says it. */
function Settings({ node }: { node: TaskNode }) {
  const rest = Object.fromEntries(
    Object.entries({ ...(node.spec?.python?.isolate ? { isolate: true } : {}), ...node.spec }).filter(
      ([key, value]) => !HIDDEN.has(key) && value !== null && !isEmpty(value),
    ),
  );
  if (Object.keys(rest).length === 0) return null;
  return (
    <details className="fine">
      <summary>{t("task.settings")}</summary>
      <pre tabIndex={0}>{write(rest, 1)}</pre>
    </details>
  );
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && !isExact(value) && Object.keys(value).length === 0;
}

const FILTERS = ["QUEUED", "LEASED", "REPORTED", "COMPLETED", "FAILED", "CANCELLED", "DEAD"] as const;

function Subtasks({ run, task }: { run: Run; task: string }) {
  const [status, setStatus] = useState<Schemas["SubtaskStatus"] | undefined>();
  const [pages, setPages] = useState<readonly string[]>([]);
  const page = useQuery(subtasksQuery(run.id, task, status, pages.at(-1)));
  const names = useVolunteerNames();
  const [, open] = useSubtaskPlace();
  return (
    <section className="stack" aria-label={t("task.subtasks")}>
      <div className="head">
        <h3>{t("task.subtasks")}</h3>
        <select
          className="narrow"
          aria-label={t("task.only")}
          value={status ?? ""}
          onChange={(event) => (setStatus((event.target.value || undefined) as typeof status), setPages([]))}
        >
          <option value="">{t("grid.any")}</option>
          {FILTERS.map((each) => (
            <option key={each} value={each}>
              {t(`status.${each}`)}
            </option>
          ))}
        </select>
      </div>
      {page.isPending && <Loading />}
      {page.isError && <Problem error={page.error} again={() => void page.refetch()} />}
      {page.data?.subtasks.length === 0 && <Empty title={t("task.no_subtasks")} />}
      {page.data && page.data.subtasks.length > 0 && (
        <Scroll label={t("task.subtasks")}>
          <table className="fine">
            <thead>
              <tr>
                <th className="number">{t("task.index")}</th>
                <th>{t("graph.state")}</th>
                <th className="number">{t("task.attempts")}</th>
                <th>{t("task.volunteer")}</th>
                <th>{t("task.changed")}</th>
              </tr>
            </thead>
            <tbody>
              {page.data.subtasks.map((subtask) => (
                <tr key={subtask.id}>
                  <td className="number">
                    <button
                      type="button"
                      className="link"
                      aria-label={t("story.title", { task, index: number(subtask.index) })}
                      onClick={() => open({ task, index: subtask.index })}
                    >
                      {number(subtask.index)}
                    </button>
                  </td>
                  <td>
                    <Status status={subtask.status} />
                  </td>
                  <td className="number">{number(subtask.attempt)}</td>
                  <td>{subtask.assigned_to ? (names.get(subtask.assigned_to) ?? subtask.assigned_to) : "–"}</td>
                  <td>
                    <Ago at={subtask.updated_at} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      {(pages.length > 0 || page.data?.next_page_token) && (
        <div className="row">
          <button
            type="button"
            className="small"
            disabled={pages.length === 0}
            onClick={() => setPages(pages.slice(0, -1))}
          >
            {t("ui.previous")}
          </button>
          <button
            type="button"
            className="small"
            disabled={!page.data?.next_page_token}
            onClick={() => setPages([...pages, page.data!.next_page_token!])}
          >
            {t("ui.next")}
          </button>
        </div>
      )}
    </section>
  );
}
