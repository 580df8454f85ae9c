import { useInfiniteQuery } from "@tanstack/react-query";
import { type FormEvent, useEffect, useMemo, useRef, useState } from "react";
import { Link } from "wouter";
import { ENDED, type Log, logsPage, type Run, type RunTask } from "../../api/runs";
import { moment, number } from "../../text/format";
import { t } from "../../text/text";
import { Icon } from "../../ui/Icon";
import { Empty, Loading, Problem } from "../../ui/states";
import { useVolunteerNames } from "./names";
import { Outcome } from "./Outcome";
import { useSubtaskPlace } from "./place";
import { useAsked } from "../../ui/useAsked";
import { Wrote } from "./Wrote";

/** What attempts wrote to standard output and standard error, by task. It is told when an attempt ends. */
export default function LogsTab({ run }: { run: Run }) {
  const [search, ask] = useAsked();
  const tasks = run.tasks.filter(({ total }) => total > 0);
  const task = tasks.find(({ name }) => name === search.get("task")) ?? tasks[0];
  const text = search.get("text") ?? "";
  const [typed, setTyped] = useState(text);
  const [follow, setFollow] = useState(false);
  function submit(event: FormEvent) {
    event.preventDefault();
    ask({ text: typed.trim() });
  }
  if (!task) return <Empty title={t("logs.none")}>{t("logs.none_yet")}</Empty>;
  return (
    <div className="stack">
      <form className="row" role="search" onSubmit={submit}>
        <select
          className="narrow"
          aria-label={t("graph.task")}
          value={task.name}
          onChange={(event) => ask({ task: event.target.value })}
        >
          {tasks.map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
        </select>
        <input
          type="search"
          className="narrow"
          aria-label={t("logs.text")}
          placeholder={t("logs.text")}
          value={typed}
          maxLength={200}
          onChange={(event) => setTyped(event.target.value)}
        />
        <button type="submit">
          <Icon name="search" />
          {t("logs.search")}
        </button>
        <label className="check">
          <input
            type="checkbox"
            checked={follow}
            onChange={(event) => setFollow(event.target.checked)}
            disabled={ENDED.has(run.status)}
          />
          <span>{t("logs.follow")}</span>
        </label>
      </form>
      <List key={`${task.name} ${text}`} run={run} task={task} text={text} follow={follow && !ENDED.has(run.status)} />
    </div>
  );
}

interface ListProps {
  run: Run;
  task: RunTask;
  text: string;
  /** Show all there is, the newest at the end. */
  follow: boolean;
}

function List({ run, task, text, follow }: ListProps) {
  const end = useRef<HTMLDivElement>(null);
  const names = useVolunteerNames();
  const logs = useInfiniteQuery({
    queryKey: ["logs", run.id, task.name, text],
    initialPageParam: -1,
    queryFn: ({ pageParam, signal }) => logsPage(run.id, { task: task.name, text }, pageParam, signal),
    getNextPageParam: (page) => page.next,
    meta: { kept: false },
  });
  const entries = useMemo(() => {
    const found = logs.data?.pages.flatMap((page) => page.logs) ?? [];
    return follow ? found.toSorted((a, b) => a.ended_at.localeCompare(b.ended_at)) : found;
  }, [logs.data, follow]);
  const { hasNextPage, isFetching, fetchNextPage } = logs;
  useEffect(() => {
    if (follow && hasNextPage && !isFetching) void fetchNextPage();
  }, [follow, hasNextPage, isFetching, fetchNextPage]);
  useEffect(() => {
    if (follow) end.current?.scrollIntoView({ block: "nearest" });
  }, [follow, entries.length]);
  if (logs.isPending) return <Loading />;
  if (logs.isError && !logs.data) return <Problem error={logs.error} again={() => void logs.refetch()} />;
  return (
    <>
      {entries.length === 0 && !hasNextPage && (
        <Empty title={t("logs.none")}>
          {text ? t("logs.none_like", { text }) : t("logs.none_here", { task: task.name })}
        </Empty>
      )}
      {entries.length === 0 && hasNextPage && <p className="faint">{t("logs.none_so_far")}</p>}
      <ol className="logs">
        {entries.map((log) => (
          <One
            key={`${log.subtask_id} ${log.attempt}`}
            log={log}
            text={text}
            volunteer={names.get(log.volunteer_id) ?? log.volunteer_id}
          />
        ))}
      </ol>
      {task.leased > 0 && <p className="fine faint">{t("logs.under_way", { count: task.leased })}</p>}
      {hasNextPage && !follow && (
        <div className="row">
          <button type="button" disabled={isFetching} onClick={() => void fetchNextPage()}>
            {t("logs.further")}
          </button>
        </div>
      )}
      <div ref={end} />
    </>
  );
}

function One({ log, text, volunteer }: { log: Log; text: string; volunteer: string }) {
  const [, open] = useSubtaskPlace();
  return (
    <li>
      <div className="row fine">
        <button type="button" className="link" onClick={() => open(log)}>
          {t("story.title", { task: log.task, index: number(log.index) })}
        </button>
        <span className="faint">{t("story.attempt", { number: log.attempt })}</span>
        <Outcome outcome={log.outcome} />
        <Link href={`/volunteers/${log.volunteer_id}`}>{volunteer}</Link>
        <time className="faint" dateTime={log.ended_at}>
          {moment(log.ended_at)}
        </time>
      </div>
      <Wrote wrote={log} text={text} />
    </li>
  );
}
