import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { may, useMe } from "../../api/me";
import { type Reason, type Run, useControl, waitingQuery } from "../../api/runs";
import { t } from "../../text/text";
import { Icon, type IconName } from "../../ui/Icon";
import { Empty, inWords, Loading, Problem } from "../../ui/states";
import { tell } from "../../ui/toasts";
import { SignalDialog } from "./SignalDialog";
import { helpFor, says } from "../../components/reasons";

const ICONS: Record<string, IconName> = {
  paused: "pause",
  dependencies: "workflow",
  "no-volunteers": "machine",
  "no-fitting-volunteer": "machine",
  "volunteers-busy": "machine",
  signal: "signal",
  child: "split",
  checking: "search",
};

/** Why the run, and each of its tasks, is not further, and what would help. */
export default function WaitingTab({ run }: { run: Run }) {
  const waiting = useQuery(waitingQuery(run.id));
  if (waiting.isPending) return <Loading />;
  if (waiting.isError && !waiting.data) return <Problem error={waiting.error} again={() => void waiting.refetch()} />;
  const reasons = waiting.data!.reasons;
  const nothing = reasons.every(({ kind }) => kind === "none");
  if (nothing) return <Empty title={t("waiting.none")}>{reasons[0] ? says(reasons[0], run) : null}</Empty>;
  return (
    <ul className="reasons" aria-label={t("waiting.reasons")}>
      {reasons.map((reason, at) => (
        <One key={`${reason.kind} ${reason.task} ${at}`} run={run} reason={reason} />
      ))}
    </ul>
  );
}

function One({ run, reason }: { run: Run; reason: Reason }) {
  const help = helpFor(reason);
  return (
    <li className="card reason">
      <Icon name={ICONS[reason.kind] ?? "wait"} size={22} />
      <div className="stack">
        {reason.task !== null && (
          <Link className="fine" href={`/runs/${run.id}/graph?task=${encodeURIComponent(reason.task)}`}>
            {reason.task}
          </Link>
        )}
        <strong>{says(reason, run)}</strong>
        {help && <p className="faint">{help}</p>}
        <Help run={run} reason={reason} />
      </div>
    </li>
  );
}

/** What can be done about it right here. */
function Help({ run, reason }: { run: Run; reason: Reason }) {
  const me = useMe();
  const control = useControl(run.id);
  const [answering, setAnswering] = useState(false);
  const mine = may.change(me, run.owner);
  if (reason.kind === "signal" && mine && reason.task !== null) {
    const waits = [{ task: reason.task, signal: String(reason.values.signal) }];
    return (
      <div className="row">
        <button type="button" className="primary small" onClick={() => setAnswering(true)}>
          {t("run.answer")}
        </button>
        {answering && <SignalDialog run={run} waits={waits} onClose={() => setAnswering(false)} />}
      </div>
    );
  }
  if (reason.kind === "paused" && mine) {
    const what =
      reason.task === null ? ({ verb: "resume" } as const) : ({ verb: "resume-task", task: reason.task } as const);
    return (
      <div className="row">
        <button
          type="button"
          className="primary small"
          disabled={control.isPending}
          onClick={() => control.mutate(what, { onError: (error) => tell(inWords(error)) })}
        >
          {t("run.resume")}
        </button>
      </div>
    );
  }
  if (reason.kind === "child" && typeof reason.values.run_id === "string") {
    return (
      <p>
        <Link href={`/runs/${reason.values.run_id}/waiting`}>{t("waiting.see_child")}</Link>
      </p>
    );
  }
  if (reason.kind.includes("volunteer"))
    return (
      <p>
        <Link href="/volunteers">{t("waiting.see_volunteers")}</Link>
      </p>
    );
  return null;
}
