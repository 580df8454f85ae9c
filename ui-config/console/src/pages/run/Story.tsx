import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import {
  type Attempt,
  resultQuery,
  resultsAddress,
  runQuery,
  type Subtask,
  type SubtaskPlace,
  subtaskQuery,
} from "../../api/runs";
import { clock, duration, moment, number, size } from "../../text/format";
import { failureSaid } from "../../text/said";
import { t } from "../../text/text";
import { Ago } from "../../ui/Ago";
import { Dialog } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import { Loading, Problem } from "../../ui/states";
import { Status } from "../../ui/Status";
import { useVolunteerName } from "./names";
import { Outcome } from "./Outcome";
import { useSubtaskPlace } from "./place";
import { BytesView } from "./results/BytesView";
import { resultText } from "./results/shapes";
import { untagged } from "./results/tagged";
import { Wrote } from "./Wrote";

/** The story of the subtask that the page's address names, over whatever tab is open. */
export function StoryDialog({ runId }: { runId: string }) {
  const [place, open] = useSubtaskPlace();
  if (!place) return null;
  return (
    <Dialog title={t("story.title", { task: place.task, index: number(place.index) })} onClose={() => open(null)} wide>
      <Neighbours runId={runId} place={place} open={open} />
      <Told runId={runId} place={place} />
      <div className="row">
        <button type="button" onClick={() => open(null)}>
          {t("ui.close")}
        </button>
      </div>
    </Dialog>
  );
}

function Neighbours({
  runId,
  place,
  open,
}: {
  runId: string;
  place: SubtaskPlace;
  open: (place: SubtaskPlace) => void;
}) {
  const run = useQuery(runQuery(runId));
  const total = run.data?.tasks.find(({ name }) => name === place.task)?.total ?? 0;
  const to = (index: number) => open({ ...place, index });
  return (
    <div className="row">
      <button type="button" className="small" disabled={place.index === 0} onClick={() => to(place.index - 1)}>
        <Icon name="back" /> {t("story.previous")}
      </button>
      <button type="button" className="small" disabled={place.index + 1 >= total} onClick={() => to(place.index + 1)}>
        {t("story.next")}
      </button>
    </div>
  );
}

function Told({ runId, place }: { runId: string; place: SubtaskPlace }) {
  const subtask = useQuery(subtaskQuery(runId, place));
  if (subtask.isPending) return <Loading />;
  if (subtask.isError) return <Problem error={subtask.error} again={() => void subtask.refetch()} />;
  return <Story subtask={subtask.data} />;
}

/** Who tried it, when, how that ended, and what it came to. */
export function Story({ subtask }: { subtask: Subtask }) {
  const before = subtask.attempt - subtask.attempts.length - (subtask.status === "LEASED" ? 1 : 0);
  return (
    <div className="stack">
      <div className="row">
        <Status status={subtask.status} />
        <span className="faint fine">
          {t("story.attempts", { count: subtask.attempt })} · <Ago at={subtask.updated_at} />
        </span>
      </div>
      {subtask.error && (
        <p className="problem">
          <Failure type={subtask.error.type} /> <span className="error-text">{subtask.error.message}</span>
        </p>
      )}
      <ol className="attempts">
        {before > 0 && <li className="faint">{t("story.forgotten", { count: before })}</li>}
        {subtask.attempts.map((attempt, at) => (
          <One key={attempt.started_at + at} attempt={attempt} number={Math.max(0, before) + at + 1} />
        ))}
        {subtask.status === "LEASED" && subtask.assigned_to && (
          <Now volunteer={subtask.assigned_to} progress={subtask.progress} />
        )}
      </ol>
      {subtask.status === "QUEUED" && <p className="faint">{t("story.queued")}</p>}
      {subtask.result !== null && (
        <section className="stack" aria-label={t("story.result")}>
          <h3>{t("story.result")}</h3>
          <Result run={subtask.run_id} json={subtask.result} />
        </section>
      )}
      {subtask.blob && (
        <section className="stack" aria-label={t("story.result")}>
          <h3>{t("story.result")}</h3>
          <File subtask={subtask} />
        </section>
      )}
    </div>
  );
}

/** A result, cut where it is long; those of an engineer's flow may hold what JSON does not have. */
function Result({ run: id, json }: { run: string; json: string }) {
  const run = useQuery(runQuery(id));
  if (!run.data) return null;
  return <pre tabIndex={0}>{resultText(json, run.data.workflow_id ? undefined : untagged)}</pre>;
}

/** A result that is kept as a file: JSON that is large, or bytes. */
function File({ subtask: { run_id: run, task, index } }: { subtask: Subtask }) {
  const result = useQuery(resultQuery(run, task, index));
  if (result.isPending) return <Loading />;
  if (result.isError) return <Problem error={result.error} again={() => void result.refetch()} />;
  const address = resultsAddress(run, task, index);
  if (result.data.is === "bytes")
    return <BytesView address={address} bytes={result.data.size} name={`${task}-${index}`} />;
  return (
    <>
      <p className="row">
        <span className="faint">{t("story.large", { size: size(result.data.size) })}</span>
        <a className="button small" href={address} download={`${task}-${index}.json`}>
          <Icon name="download" />
          {t("results.download_one")}
        </a>
      </p>
      <Result run={run} json={result.data.text} />
    </>
  );
}

function One({ attempt, number: counted }: { attempt: Attempt; number: number }) {
  const name = useVolunteerName(attempt.volunteer_id);
  const seconds = (new Date(attempt.ended_at).getTime() - new Date(attempt.started_at).getTime()) / 1000;
  return (
    <li className="stack">
      <div className="row">
        <strong>{t("story.attempt", { number: counted })}</strong>
        <Outcome outcome={attempt.outcome} />
        <Link href={`/volunteers/${attempt.volunteer_id}`}>{name}</Link>
        <span className="faint fine" title={moment(attempt.started_at)}>
          {t("story.span", {
            from: clock(attempt.started_at),
            until: clock(attempt.ended_at),
            span: duration(seconds),
          })}
        </span>
      </div>
      {attempt.error && (
        <p className="fine">
          <Failure type={attempt.error.type} /> <span className="error-text">{attempt.error.message}</span>
        </p>
      )}
      <Wrote wrote={attempt} />
    </li>
  );
}

function Now({ volunteer, progress }: { volunteer: string; progress: number }) {
  const name = useVolunteerName(volunteer);
  return (
    <li className="row">
      <Status status="LEASED" />
      <Link href={`/volunteers/${volunteer}`}>{name}</Link>
      {progress > 0 && <progress value={progress} max={1} aria-label={t("story.progress")} />}
      <span className="fine faint">{t("logs.arrives")}</span>
    </li>
  );
}

function Failure({ type }: { type: string | undefined }) {
  const means = failureSaid(type ?? "");
  return (
    <>
      <strong>{type}</strong>
      {means && <> ({means})</>}
    </>
  );
}
