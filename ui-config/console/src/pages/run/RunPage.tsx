import "./run.css";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useRef } from "react";
import { Link } from "wouter";
import { runQuery } from "../../api/runs";
import { type Key, t } from "../../text/text";
import { Loading, Problem } from "../../ui/states";
import { useTitle } from "../../ui/useTitle";
import { Head } from "./Head";
import { StoryDialog } from "./Story";

const TABS = ["graph", "grid", "timeline", "logs", "results", "errors", "events", "waiting"] as const;
type Tab = (typeof TABS)[number];

const Shown = {
  graph: lazy(() => import("./graph/GraphTab")),
  grid: lazy(() => import("./grid/GridTab")),
  timeline: lazy(() => import("./timeline/TimelineTab")),
  logs: lazy(() => import("./LogsTab")),
  results: lazy(() => import("./results/ResultsTab")),
  errors: lazy(() => import("./ErrorsTab")),
  events: lazy(() => import("./EventsTab")),
  waiting: lazy(() => import("./WaitingTab")),
} satisfies Record<Tab, unknown>;

export default function RunPage({ id, tab: asked }: { id: string; tab?: string }) {
  const run = useQuery(runQuery(id));
  const name = run.data?.name;
  useTitle(name);
  const tabs = useRef<HTMLElement>(null);
  const here = TABS.find((each) => each === asked) ?? "graph";
  const shown = run.data !== undefined;
  useEffect(() => {
    tabs.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [here, shown]);
  if (!run.data) {
    return (
      <div className="page">
        {run.isError ? <Problem error={run.error} again={() => void run.refetch()} /> : <Loading />}
        {run.isError && (
          <p>
            <Link href="/runs">{t("run.all")}</Link>
          </p>
        )}
      </div>
    );
  }
  const Content = Shown[here];
  return (
    <div className="page run">
      <Head run={run.data} />
      <nav ref={tabs} className="tabs" aria-label={t("run.views")}>
        {TABS.map((each) => (
          <Link key={each} href={`/runs/${id}/${each}`} aria-current={each === here ? "page" : undefined}>
            {t(`run.tab.${each}` satisfies Key)}
          </Link>
        ))}
      </nav>
      <Suspense fallback={<Loading />}>
        <Content run={run.data} />
      </Suspense>
      <StoryDialog runId={id} />
    </div>
  );
}
