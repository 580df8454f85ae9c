import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { archiveAddress, resultQuery, resultsAddress, type Run, specQuery } from "../../../api/runs";
import { size } from "../../../text/format";
import { t } from "../../../text/text";
import { Icon } from "../../../ui/Icon";
import { Empty, Loading, Problem } from "../../../ui/states";
import { ordered } from "../../../graph/dependencies";
import { nodesOf } from "../graph/graph";
import { json } from "../parameters";
import { useSubtaskPlace } from "../place";
import { referencesIn } from "./bytes";
import { BytesList, BytesView } from "./BytesView";
import { CallsView } from "./CallsView";
import { DownloadText } from "./Download";
import { FailedParts } from "./FailedParts";
import { ResultView } from "./ResultView";
import { shapeOf } from "./shapes";
import { useAsked } from "../../../ui/useAsked";

/** What the run's tasks came to, the last one first. */
export default function ResultsTab({ run }: { run: Run }) {
  const [search, ask] = useAsked();
  const version = useQuery(specQuery(run));
  const nodes = ordered(nodesOf(version.data?.spec ?? null, run))
    .map(({ task }) => task)
    .toReversed();
  const parsed = new Map(nodes.map(({ name, spec }) => [name, spec?.parse]));
  const flow = !run.workflow_id; // an engineer's own: nobody but it puts results together
  const done = nodes.flatMap(({ task }) =>
    task && (flow ? task.completed > 0 : task.status === "COMPLETED") ? [task] : [],
  );
  if (version.isPending) return <Loading />;
  const chosen = done.find(({ name }) => name === search.get("task")) ?? done[0];
  if (!chosen) return <Empty title={t("results.none")}>{t("results.none_why")}</Empty>;
  return (
    <div className="run-results">
      <div className="row">
        {done.length > 1 && (
          <label className="row fine">
            {t("results.of_task")}
            <select className="narrow" value={chosen.name} onChange={(event) => ask({ task: event.target.value })}>
              {done.map(({ name }) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
        )}
        {!flow && (
          <span className="row push">
            <a
              className="button small"
              href={resultsAddress(run.id, chosen.name)}
              download={`${chosen.name}.${chosen.result_bytes === null ? "json" : "bin"}`}
            >
              <Icon name="download" />
              {t("results.download_one")}
            </a>
            <a className="button small" href={archiveAddress(run.id, "zip")} download>
              <Icon name="archive" />
              {t("results.download_all")}
            </a>
          </span>
        )}
      </div>
      {flow && <p className="fine faint">{t("results.of_calls")}</p>}
      {!flow && chosen.failed_parts > 0 && <FailedParts key={`parts of ${chosen.name}`} run={run} task={chosen} />}
      {flow ? (
        <CallsView key={chosen.name} run={run} task={chosen.name} />
      ) : (
        <One
          key={chosen.name}
          run={run}
          task={chosen.name}
          bytes={version.isError || parsed.get(chosen.name) === "bytes"}
        />
      )}
    </div>
  );
}

/** `bytes`: whether what looks like references to bytes may be that, and is not JSON that a program wrote. */
function One({ run, task, bytes }: { run: Run; task: string; bytes: boolean }) {
  const result = useQuery(resultQuery(run.id, task));
  const [, open] = useSubtaskPlace();
  const found = useMemo(
    () => (result.data?.is === "json" && result.data.whole ? json(result.data.text) : null),
    [result.data],
  );
  const shape = useMemo(() => found && shapeOf(found.value), [found]);
  const parts = useMemo(() => (bytes && found ? referencesIn(found.value) : null), [bytes, found]);
  if (result.isPending) return <Loading />;
  if (result.isError) return <Problem error={result.error} again={() => void result.refetch()} />;
  if (result.data.is === "bytes" || parts) {
    return (
      <section className="stack" aria-label={t("results.of", { task })}>
        <h2>{task}</h2>
        {parts ? (
          <BytesList
            parts={parts}
            name={task}
            addressOf={(index) => resultsAddress(run.id, task, index)}
            onFailed={(index) => open({ task, index })}
          />
        ) : (
          <BytesView address={resultsAddress(run.id, task)} bytes={result.data.size} name={task} />
        )}
      </section>
    );
  }
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
      {shape.is === "text" && shape.value !== "" && (
        <DownloadText name={`${task}.txt`} text={shape.value} type="text/plain">
          {t("results.as_text")}
        </DownloadText>
      )}
    </section>
  );
}
