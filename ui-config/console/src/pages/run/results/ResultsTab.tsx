import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { Link } from "wouter";
import { archiveAddress, resultQuery, resultsAddress, type Run, specQuery } from "../../../api/runs";
import { size } from "../../../text/format";
import { t } from "../../../text/text";
import { Icon } from "../../../ui/Icon";
import { Empty, Loading, Problem } from "../../../ui/states";
import { ordered } from "../../../graph/dependencies";
import { nodesOf } from "../graph/graph";
import { json } from "../parameters";
import { DownloadText } from "./Download";
import { ResultView } from "./ResultView";
import { shapeOf } from "./shapes";
import { untagged } from "./tagged";
import { useAsked } from "../../../ui/useAsked";

/** What the run's tasks came to, the last one first. */
export default function ResultsTab({ run }: { run: Run }) {
  const [search, ask] = useAsked();
  const version = useQuery(specQuery(run));
  const nodes = ordered(nodesOf(version.data?.spec ?? null, run)).map(({ task }) => task).toReversed();
  const done = nodes.flatMap(({ task }) => (task?.status === "COMPLETED" ? [task] : []));
  if (version.isPending) return <Loading />;
  const chosen = done.find(({ name }) => name === search.get("task")) ?? done[0];
  if (!chosen) return <Empty title={t("results.none")}>{t("results.none_why")}</Empty>;
  return (
    <div className="run-results">
      <div className="row">
        {done.length > 1 && (
          <label className="row fine">
            {t("results.of_task")}
            <select className="narrow" value={chosen.name}
              onChange={(event) => ask({ task: event.target.value })}>
              {done.map(({ name }) => <option key={name}>{name}</option>)}
            </select>
          </label>
        )}
        <span className="row push">
          <a className="button small" href={resultsAddress(run.id, chosen.name)} download={`${chosen.name}.json`}><Icon name="download" />{t("results.download_one")}</a>
          <a className="button small" href={archiveAddress(run.id, "zip")} download><Icon name="archive" />{t("results.download_all")}</a>
        </span>
      </div>
      {chosen.failed_parts > 0 && (
        <p className="notice">
          {t("results.with_failed", { failed: chosen.failed_parts, parts: chosen.parts })}{" "}
          <Link href={`/runs/${run.id}/errors`}>{t("results.which_failed")}</Link>
        </p>
      )}
      <One key={chosen.name} run={run} task={chosen.name} />
    </div>
  );
}

function One({ run, task }: { run: Run; task: string }) {
  const result = useQuery(resultQuery(run.id, task));
  const found = useMemo(() => (result.data?.whole ? json(result.data.text) : null), [result.data]);
  const shape = useMemo(() => found && shapeOf(run.workflow_id ? found.value : untagged(found.value)), [found, run.workflow_id]);
  if (result.isPending) return <Loading />;
  if (result.isError) return <Problem error={result.error} again={() => void result.refetch()} />;
  if (!shape) {
    return (
      <div className="stack">
        <p className="notice">{t("results.large", { size: size(result.data.size) })}</p>
        <pre tabIndex={0}>{result.data.text.slice(0, 16_000)}…</pre>
      </div>
    );
  }
  return (
    <section className="stack" aria-label={t("results.of", { task })}>
      <h2>{task}</h2>
      <ResultView shape={shape} name={task} />
      {shape.is === "text" && <DownloadText name={`${task}.txt`} text={shape.value} type="text/plain">{t("results.as_text")}</DownloadText>}
    </section>
  );
}
