import type { UseQueryResult } from "@tanstack/react-query";
import { Link } from "wouter";
import type { Run } from "../../api/runs";
import { duration } from "../../text/format";
import { t } from "../../text/text";
import { Ago, useNow } from "../../ui/Ago";
import { Progress } from "../../ui/Progress";
import { RunState } from "../../ui/Status";
import { Loading, Problem } from "../../ui/states";
import { reasonOf } from "../../components/eta";
import { heldOf } from "./concerns";

interface Props {
  query: Pick<UseQueryResult, "isPending" | "isError" | "error" | "refetch">;
  runs: readonly Run[];
  more: boolean;
}

/** The runs that go on: how far, until when, on how many machines. */
export function Running({ query, runs, more }: Props) {
  return (
    <section className="stack" aria-labelledby="running">
      <h2 id="running">{t("home.running")}</h2>
      {runs.length > 0 ? (
        <div className="cards">
          {runs.map((run) => (
            <RunCard key={run.id} run={run} />
          ))}
        </div>
      ) : query.isPending ? (
        <Loading />
      ) : query.isError ? (
        <Problem error={query.error} again={() => void query.refetch()} />
      ) : (
        <p className="faint idle">
          {t("home.none_running")} <Link href="/runs">{t("home.all_runs")}</Link>
        </p>
      )}
      {more && <Link href="/runs">{t("home.all_runs")}</Link>}
    </section>
  );
}

function RunCard({ run }: { run: Run }) {
  const held = heldOf(run);
  return (
    <article className="card run" aria-label={run.name}>
      <div className="head">
        <h3>
          <Link href={`/runs/${run.id}`}>{run.name}</Link>
        </h3>
        <RunState run={run} />
      </div>
      <Progress value={run.progress} label={t("workflow.progress_of", { name: run.name })} />
      <p className="fine">
        <Ending run={run} />
      </p>
      <p className="fine faint">{t("home.held", { count: held })}</p>
      <p className="fine faint">
        {t(run.started_at ? "home.begun" : "run.created")} <Ago at={run.started_at ?? run.created_at} /> · {run.owner}
      </p>
    </article>
  );
}

/** When a run will have ended, as a range. */
function Ending({ run }: { run: Run }) {
  const now = useNow();
  const left = (at: string) => Math.max(0, (Date.parse(at) - now) / 1000);
  if (run.status === "PAUSED") return t("home.is_paused");
  if (!run.eta) return t("home.eta_unknown");
  if (!run.eta.from || !run.eta.until) return t("run.no_eta", { reason: reasonOf(run.eta) });
  const [from, until] = [duration(left(run.eta.from)), duration(left(run.eta.until))];
  return from === until ? t("home.eta_one", { until }) : t("home.eta", { from, until });
}
