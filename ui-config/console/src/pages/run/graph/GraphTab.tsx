import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useCallback, useMemo, useState } from "react";
import { ProblemError } from "../../../api/problem";
import { type Run, specQuery } from "../../../api/runs";
import { t } from "../../../text/text";
import { Icon } from "../../../ui/Icon";
import { Empty, Loading, Problem } from "../../../ui/states";
import { nodesOf } from "./graph";
import { Outline } from "./Outline";
import { TaskPanel } from "./TaskPanel";
import { useAsked } from "../../../ui/useAsked";

const Canvas = lazy(() => import("./Canvas"));
const REMEMBERED = "njangi.run.outline";

/** Why it is not known what the tasks do, and in which order. */
function Unordered({ error, again }: { error: unknown; again: () => void }) {
  if (error instanceof ProblemError && error.status === 404)
    return <p className="notice">{t("graph.workflow_gone")}</p>;
  return <Problem error={error} again={again} />;
}

/** The whole DAG from the start, as a picture or as a list; what is chosen is told beside it. */
export default function GraphTab({ run }: { run: Run }) {
  const version = useQuery(specQuery(run));
  const [search, ask] = useAsked();
  const [list, setList] = useState(() => localStorage.getItem(REMEMBERED) === "list");
  const spec = version.data?.spec ?? null;
  const nodes = useMemo(() => nodesOf(spec, run), [spec, run]);
  const chosen = nodes.find(({ name }) => name === search.get("task"));
  const choose = useCallback((name: string | null) => ask({ task: name ?? "" }), [ask]);
  function show(asList: boolean) {
    localStorage.setItem(REMEMBERED, asList ? "list" : "graph");
    setList(asList);
  }
  if (version.isPending) return <Loading />;
  if (nodes.length === 0) return <Empty title={t("graph.empty")}>{t("graph.empty_why")}</Empty>;
  return (
    <div className="stack">
      {run.workflow_id && version.isError && <Unordered error={version.error} again={() => void version.refetch()} />}
      <div className="row" role="group" aria-label={t("graph.as")}>
        <button type="button" className="small" aria-pressed={!list} onClick={() => show(false)}>
          <Icon name="workflow" />
          {t("graph.picture")}
        </button>
        <button type="button" className="small" aria-pressed={list} onClick={() => show(true)}>
          <Icon name="menu" />
          {t("graph.list")}
        </button>
      </div>
      <div className={chosen ? "beside" : undefined}>
        {list ? (
          <Outline nodes={nodes} chosen={chosen?.name ?? null} onChoose={choose} />
        ) : (
          <div className="graph-view">
            <Suspense fallback={<Loading />}>
              <Canvas nodes={nodes} chosen={chosen?.name ?? null} onChoose={choose} />
            </Suspense>
          </div>
        )}
        {chosen && <TaskPanel key={chosen.name} run={run} node={chosen} onClose={() => choose(null)} />}
      </div>
    </div>
  );
}
