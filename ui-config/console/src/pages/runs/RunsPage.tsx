import "./runs.css";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Link, useSearchParams } from "wouter";
import { may, useMe } from "../../api/me";
import { type Run, runsQuery } from "../../api/runs";
import { t } from "../../text/text";
import { Empty, Loading, Problem } from "../../ui/states";
import { useTitle } from "../../ui/useTitle";
import { Bulk } from "./Bulk";
import { Filters } from "./Filters";
import { plain, read } from "./filter";
import { RunTable } from "./RunTable";
import { Views } from "./Views";

/** All runs that one may see, narrowed by what stands in the address. */
export default function RunsPage() {
  const [search] = useSearchParams();
  useTitle(t("shell.runs"));
  const asked = plain(search);
  return (
    <div className="page">
      <div className="head">
        <h1>{t("shell.runs")}</h1>
        <div className="row">
          <Views search={asked} />
          <Link href="/runs/compare" className="button">
            {t("runs.compare")}
          </Link>
        </div>
      </div>
      <Filters />
      <List key={asked} search={asked} />
    </div>
  );
}

/** The list for one search: its pages and what is chosen of it begin anew with the next search. */
function List({ search }: { search: string }) {
  const me = useMe();
  const [pages, setPages] = useState<readonly string[]>([]);
  const [chosen, setChosen] = useState<ReadonlyMap<string, Run>>(new Map());
  const filter = read(new URLSearchParams(search));
  const runs = useQuery(runsQuery(filter, { pageToken: pages.at(-1) }));
  const shown = runs.data?.runs;
  useEffect(() => {
    if (shown) setChosen((before) => refreshed(before, shown));
  }, [shown]);
  if (runs.isPending) return <Loading />;
  if (runs.isError && !runs.data) return <Problem error={runs.error} again={() => void runs.refetch()} />;
  const { runs: list, next_page_token: next } = runs.data!;
  if (list.length === 0 && pages.length === 0) return search ? <NoneLike /> : <NoneYet canMake={may.make(me)} />;
  return (
    <div className="stack" aria-busy={runs.isPlaceholderData}>
      {may.make(me) && (
        <Bulk chosen={chosen} filter={filter} filtered={search !== ""} onDone={() => setChosen(new Map())} />
      )}
      <RunTable runs={list} chosen={may.make(me) ? chosen : null} onChosen={setChosen} />
      {(pages.length > 0 || next) && (
        <nav className="row" aria-label={t("runs.pages")}>
          <button type="button" disabled={pages.length === 0} onClick={() => setPages(pages.slice(0, -1))}>
            {t("runs.newer")}
          </button>
          <button type="button" disabled={!next} onClick={() => setPages([...pages, next!])}>
            {t("runs.older")}
          </button>
        </nav>
      )}
    </div>
  );
}

/** What is chosen, as it is now where that is known. */
function refreshed(chosen: ReadonlyMap<string, Run>, runs: readonly Run[]): ReadonlyMap<string, Run> {
  const next = new Map(chosen);
  for (const run of runs) if (next.has(run.id)) next.set(run.id, run);
  return next;
}

function NoneLike() {
  return (
    <Empty
      title={t("runs.none_like")}
      action={
        <Link href="/runs" className="button">
          {t("runs.show_all")}
        </Link>
      }
    >
      {t("runs.none_like_why")}
    </Empty>
  );
}

function NoneYet({ canMake }: { canMake: boolean }) {
  return (
    <Empty
      title={t("runs.none")}
      action={
        canMake ? (
          <Link href="/workflows" className="button primary">
            {t("runs.from_template")}
          </Link>
        ) : undefined
      }
    >
      {canMake ? t("runs.none_why") : t("runs.none_viewer")}
    </Empty>
  );
}
