import { Link } from "wouter";
import { ENDED, type Run } from "../../api/runs";
import { duration, percent } from "../../text/format";
import { t } from "../../text/text";
import { Ago, useNow } from "../../ui/Ago";
import { Progress } from "../../ui/Progress";
import { Scroll } from "../../ui/Scroll";
import { RunState } from "../../ui/Status";

interface Props {
  runs: readonly Run[];
  /** What is chosen, on this page and others; null: nothing can be. */
  chosen: ReadonlyMap<string, Run> | null;
  onChosen: (chosen: ReadonlyMap<string, Run>) => void;
}

export function RunTable({ runs, chosen, onChosen }: Props) {
  const now = useNow();
  const all = chosen !== null && runs.every(({ id }) => chosen.has(id));
  function choose(which: readonly Run[], on: boolean) {
    const next = new Map(chosen);
    for (const run of which) {
      if (on) next.set(run.id, run);
      else next.delete(run.id);
    }
    onChosen(next);
  }
  return (
    <Scroll label={t("shell.runs")}>
      <table className="folding runs">
        <thead>
          <tr>
            {chosen && (
              <th>
                <input
                  type="checkbox"
                  aria-label={t("runs.choose_all")}
                  checked={all}
                  onChange={(event) => choose(runs, event.target.checked)}
                />
              </th>
            )}
            <th>{t("runs.name")}</th>
            <th>{t("graph.state")}</th>
            <th>{t("graph.progress")}</th>
            <th>{t("run.owner")}</th>
            <th>{t("run.created")}</th>
            <th className="number">{t("runs.lasted")}</th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <tr key={run.id} className={chosen?.has(run.id) ? "chosen" : undefined}>
              {chosen && (
                <td>
                  <input
                    type="checkbox"
                    aria-label={t("runs.choose", { name: run.name })}
                    checked={chosen.has(run.id)}
                    onChange={(event) => choose([run], event.target.checked)}
                  />
                </td>
              )}
              <td>
                <span className="tags">
                  <Link href={`/runs/${run.id}`}>{run.name}</Link>
                  {run.tags.map((tag) => (
                    <Link key={tag} className="tag" href={`/runs?tag=${encodeURIComponent(tag)}`}>
                      {tag}
                    </Link>
                  ))}
                </span>
              </td>
              <td data-label={t("graph.state")}>
                <RunState run={run} />
              </td>
              <td data-label={t("graph.progress")}>
                {ENDED.has(run.status) ? (
                  <Ended run={run} />
                ) : (
                  <Progress value={run.progress} label={t("run.progress_of", { name: run.name })} />
                )}
              </td>
              <td data-label={t("run.owner")}>{run.owner}</td>
              <td data-label={t("run.created")}>
                <Ago at={run.created_at} />
              </td>
              <td className="number" data-label={t("runs.lasted")}>
                {lasted(run, now)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Ended({ run }: { run: Run }) {
  return <span className="faint">{run.status === "COMPLETED" ? percent(1) : "–"}</span>;
}

function lasted(run: Run, now: number): string {
  if (!run.started_at) return "–";
  const end = run.ended_at ? new Date(run.ended_at).getTime() : now;
  return duration(Math.max(0, end - new Date(run.started_at).getTime()) / 1000);
}
