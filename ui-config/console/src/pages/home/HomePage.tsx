import "./home.css";
import { useInfiniteQuery, useQueries, useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { useSearchParams } from "wouter";
import { useMe } from "../../api/me";
import { runQuery, runsQuery, waitingQuery } from "../../api/runs";
import { volunteersQuery } from "../../api/volunteers";
import { templatesQuery, workflowsQuery } from "../../api/workflows";
import { rememberTour, toured } from "../../components/tourSteps";
import { t } from "../../text/text";
import { Loading } from "../../ui/states";
import { useTitle } from "../../ui/useTitle";
import { Attention } from "./Attention";
import { concerns, mayWait, unattended, withHoles } from "./concerns";
import { Running } from "./Running";
import { Templates } from "./Templates";

const Tour = lazy(() => import("../../components/Tour"));

const ACTIVE = ["SUBMITTED", "SPLITTING", "RUNNING", "PAUSED", "AGGREGATING"] as const;
const SHOWN = 6;
const DAYS = 7;
const LATELY = 72; // h; machines that were heard of since

/** The beginning of today a week ago, so that the question stays the same all day. */
function lately(): string {
  const day = new Date();
  day.setHours(0, 0, 0, 0);
  day.setDate(day.getDate() - DAYS);
  return day.toISOString();
}

export default function HomePage() {
  const me = useMe();
  const [asked, setAsked] = useSearchParams();
  const [offered, setOffered] = useState(() => !toured());
  const touring = asked.has("tour");
  const active = useQuery(runsQuery({ status: [...ACTIVE] }, { pageSize: 20 }));
  const failed = useQuery(runsQuery({ status: ["FAILED"], created_since: lately() }, { pageSize: 20 }));
  const completed = useQuery(runsQuery({ status: ["COMPLETED"], created_since: lately() }, { pageSize: 50 }));
  const broken = useInfiniteQuery(workflowsQuery({ status: ["FAILED"], page_size: 100 }));
  const volunteers = useInfiniteQuery(volunteersQuery({ hours: LATELY }));
  const shown = active.data?.runs.slice(0, SHOWN) ?? [];
  const runs = useQueries({ queries: shown.map((run) => runQuery(run.id)) }).map((one, at) => one.data ?? shown[at]!);
  const asking = runs.filter(mayWait);
  const waits = useQueries({ queries: asking.map((run) => waitingQuery(run.id)) });
  const awaited = waits.flatMap((one, at) =>
    (one.data?.reasons ?? [])
      .filter((reason) => reason.kind === "signal")
      .map((reason) => ({ run: asking[at]!, task: reason.task ?? "", signal: String(reason.values.signal ?? "") })),
  );
  const machines = volunteers.data?.pages.flatMap((page) => page.volunteers) ?? [];
  const templates = useQuery(templatesQuery);
  // all appear at once, so that nothing on the page jumps
  const arrived = [active, failed, completed, broken, volunteers, templates].every((query) => !query.isPending);
  const known = active.data && failed.data && completed.data && broken.data && volunteers.data;
  useTitle(undefined);
  function endTour() {
    setOffered(false);
    if (touring) setAsked({}, { replace: true });
  }
  return (
    <div className="page home">
      <div className="head">
        <h1>{t("home.hello", { name: me.name })}</h1>
        <p className="faint machines">
          {volunteers.data &&
            t("home.machines", {
              online: machines.filter((each) => each.status === "ONLINE").length,
              more: volunteers.hasNextPage ? "yes" : "no",
            })}
        </p>
      </div>
      {offered && !touring && (
        <div className="card offer">
          <p>
            <strong>{t("tour.offer")}</strong> {t("tour.offer_hint")}
          </p>
          <div className="row">
            <button type="button" className="primary" onClick={() => setAsked({ tour: "1" }, { replace: true })}>
              {t("tour.begin")}
            </button>
            <button type="button" onClick={() => (rememberTour(), setOffered(false))}>
              {t("tour.no")}
            </button>
          </div>
        </div>
      )}
      {arrived ? (
        <>
          {known && (
            <Attention
              concerns={concerns({
                active: active.data.runs,
                failed: unattended(
                  failed.data.runs,
                  broken.data.pages.flatMap((page) => page.workflows),
                ),
                holes: withHoles(completed.data.runs, [...active.data.runs, ...failed.data.runs]),
                awaited,
                volunteers: machines,
              })}
            />
          )}
          <Running
            query={active}
            runs={runs}
            more={(active.data?.runs.length ?? 0) > SHOWN || Boolean(active.data?.next_page_token)}
          />
          <Templates />
        </>
      ) : (
        <Loading />
      )}
      {touring && arrived && (
        <Suspense>
          <Tour onEnd={endTour} />
        </Suspense>
      )}
    </div>
  );
}
