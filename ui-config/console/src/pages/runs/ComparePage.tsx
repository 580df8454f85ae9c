import "./runs.css";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link, useSearchParams } from "wouter";
import type { Schemas } from "../../api/client";
import { comparisonQuery, type Run, runQuery, runsQuery } from "../../api/runs";
import { duration, moment, number } from "../../text/format";
import { t } from "../../text/text";
import { Field } from "../../ui/Field";
import { Icon } from "../../ui/Icon";
import { Scroll } from "../../ui/Scroll";
import { Empty, Loading, Problem } from "../../ui/states";
import { useTitle } from "../../ui/useTitle";
import { Status } from "../../ui/Status";
import { changes } from "./changes";

type Comparison = Schemas["RunComparison"];
type Which = "a" | "b";

/** Two runs side by side: what was asked for, how long it took, whether it came to the same. */
export default function ComparePage() {
  const [search, setSearch] = useSearchParams();
  useTitle(t("compare.title"));
  const [a, b] = [search.get("a") ?? "", search.get("b") ?? ""];
  const set = (ids: Partial<Record<Which, string>>) =>
    setSearch(
      (before) => {
        const next = new URLSearchParams(before);
        for (const [which, id] of Object.entries(ids)) {
          if (id) next.set(which, id);
          else next.delete(which);
        }
        return next;
      },
      { replace: true },
    );
  return (
    <div className="page">
      <div className="head">
        <div className="row">
          <Link href="/runs" className="button plain small" aria-label={t("run.all")}>
            <Icon name="back" />
          </Link>
          <h1>{t("compare.title")}</h1>
        </div>
        <button type="button" disabled={!a && !b} onClick={() => set({ a: b, b: a })}>
          <Icon name="refresh" />
          {t("compare.swap")}
        </button>
      </div>
      <div className="two">
        <Picker which="a" id={a} other={b} onPick={(id) => set({ a: id })} />
        <Picker which="b" id={b} other={a} onPick={(id) => set({ b: id })} />
      </div>
      {a && b && a !== b ? (
        <Compared key={`${a} ${b}`} a={a} b={b} />
      ) : (
        <Empty title={t("compare.choose")}>{t(a && a === b ? "compare.same_run" : "compare.choose_why")}</Empty>
      )}
    </div>
  );
}

/** Chooses a run among the newest, those of the other one's workflow first. */
function Picker({
  which,
  id,
  other,
  onPick,
}: {
  which: Which;
  id: string;
  other: string;
  onPick: (id: string) => void;
}) {
  const [text, setText] = useState("");
  const beside = useQuery({ ...runQuery(other), enabled: other !== "" });
  const own = useQuery({ ...runQuery(id), enabled: id !== "" });
  const runs = useQuery(
    runsQuery(text ? { q: text } : beside.data?.workflow_id ? { workflow_id: beside.data.workflow_id } : {}),
  );
  const offered: Run[] = [
    ...(own.data ? [own.data] : []),
    ...(runs.data?.runs ?? []).filter((run) => run.id !== id && run.id !== other),
  ];
  const title = t(which === "a" ? "compare.first" : "compare.second");
  return (
    <section className="card" aria-label={title}>
      <h2>{title}</h2>
      <Field label={t("compare.run")}>
        <select value={id} onChange={(event) => onPick(event.target.value)}>
          <option value="">{t("compare.none")}</option>
          {offered.map((run) => (
            <option key={run.id} value={run.id}>
              {t("compare.option", { name: run.name, at: moment(run.created_at), owner: run.owner })}
            </option>
          ))}
        </select>
      </Field>
      <Field label={t("compare.search")}>
        <input type="search" value={text} maxLength={200} onChange={(event) => setText(event.target.value)} />
      </Field>
      {own.isError && <Problem error={own.error} />}
    </section>
  );
}

function Compared({ a, b }: { a: string; b: string }) {
  const comparison = useQuery(comparisonQuery(a, b));
  if (comparison.isPending) return <Loading />;
  if (comparison.isError) return <Problem error={comparison.error} again={() => void comparison.refetch()} />;
  return <Sides comparison={comparison.data} />;
}

export function Sides({ comparison }: { comparison: Comparison }) {
  const { a, b } = comparison;
  return (
    <div className="stack">
      <Scroll label={t("compare.title")}>
        <table className="compare">
          <thead>
            <tr>
              <th>
                <span className="hidden">{t("compare.what")}</span>
              </th>
              <th>{t("compare.first")}</th>
              <th>{t("compare.second")}</th>
            </tr>
          </thead>
          <tbody>
            <Line
              name={t("runs.name")}
              a={<Link href={`/runs/${a.id}`}>{a.name}</Link>}
              b={<Link href={`/runs/${b.id}`}>{b.name}</Link>}
            />
            <Line
              name={t("graph.state")}
              a={<Status status={a.status} of={a} />}
              b={<Status status={b.status} of={b} />}
            />
            <Line name={t("run.owner")} a={a.owner} b={b.owner} differ={a.owner !== b.owner} />
            <Line
              name={t("compare.version")}
              a={number(a.version)}
              b={number(b.version)}
              differ={a.version !== b.version}
            />
            <Line name={t("run.created")} a={moment(a.created_at)} b={moment(b.created_at)} />
            <Line name={t("runs.lasted")} a={span(a.seconds)} b={span(b.seconds)} />
          </tbody>
        </table>
      </Scroll>
      <h2>{t("compare.tasks")}</h2>
      <Tasks comparison={comparison} />
      <h2>{t("compare.parameters")}</h2>
      <Changes patch={comparison.parameters} none={t("compare.same_parameters")} />
      <h2>{t("compare.spec")}</h2>
      {comparison.summary.length === 0 ? (
        <p className="faint">{t("compare.same_spec")}</p>
      ) : (
        <ul className="mono">
          {comparison.summary.map((line, at) => (
            <li key={at}>{line}</li>
          ))}
        </ul>
      )}
      {Object.keys(comparison.files).length > 0 && (
        <>
          <h2>{t("compare.files")}</h2>
          <ul>
            {Object.entries(comparison.files).map(([name, [before, after]]) => (
              <li key={name}>
                <code>{name}</code>{" "}
                {t(before === null ? "compare.only_second" : after === null ? "compare.only_first" : "compare.differs")}
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}

function Line({ name, a, b, differ }: { name: string; a: ReactNode; b: ReactNode; differ?: boolean }) {
  return (
    <tr className={differ ? "chosen" : undefined}>
      <th scope="row">{name}</th>
      <td>{a}</td>
      <td>{b}</td>
    </tr>
  );
}

function Tasks({ comparison }: { comparison: Comparison }) {
  return (
    <Scroll label={t("compare.tasks")}>
      <table className="compare">
        <thead>
          <tr>
            <th>{t("graph.task")}</th>
            <th>{t("compare.first")}</th>
            <th>{t("compare.second")}</th>
            <th>{t("compare.result")}</th>
          </tr>
        </thead>
        <tbody>
          {comparison.tasks.map(({ task, a, b, same_result: same }) => (
            <tr key={task}>
              <th scope="row">{task}</th>
              <td>
                <Side side={a} />
              </td>
              <td>
                <Side side={b} />
              </td>
              <td>
                {same === null ? (
                  "–"
                ) : (
                  <span className={`status ${same ? "good" : "warn"}`}>
                    <Icon name={same ? "check" : "warn"} size={14} />
                    {t(same ? "compare.same_result" : "compare.other_result")}
                  </span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Side({ side }: { side: Schemas["TaskSide"] | null }) {
  if (!side) return <span className="faint">{t("compare.no_task")}</span>;
  return (
    <div>
      <Status status={side.status} of={side} />
      <div className="fine faint">
        {t("compare.subtasks", { count: side.subtasks })} · {span(side.seconds)}
        {side.mean_seconds !== null && <> · {t("compare.mean", { span: duration(side.mean_seconds) })}</>}
      </div>
    </div>
  );
}

function Changes({ patch, none }: { patch: readonly Record<string, unknown>[]; none: string }) {
  const found = changes(patch);
  if (found.length === 0) return <p className="faint">{none}</p>;
  return (
    <dl className="facts">
      {found.map(({ name, change }, at) => [
        <dt key={`${at} name`}>
          <code>{name}</code>
        </dt>,
        <dd key={at}>{change ?? t("compare.only_first")}</dd>,
      ])}
    </dl>
  );
}

function span(seconds: number | null): string {
  return seconds === null ? "–" : duration(seconds);
}
