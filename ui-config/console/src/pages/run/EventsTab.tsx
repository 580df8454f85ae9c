import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { eventsPage, historyAddress, type Run, type RunEvent } from "../../api/runs";
import { useEvents } from "../../live/live";
import { clock, moment } from "../../text/format";
import { known, t } from "../../text/text";
import { Icon } from "../../ui/Icon";
import { Empty, Loading, Problem } from "../../ui/states";
import { useVolunteerNames } from "./names";
import { newest, older, particulars } from "./eventlog";

const FAMILIES = ["run", "task", "subtasks", "signal"] as const;
const PAGE = 100;
const MOMENT = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/;
const MOST_LIVE = 500;

/** Everything that happened to the run, the newest first, as it happens. */
export default function EventsTab({ run }: { run: Run }) {
  const [family, setFamily] = useState<string>("");
  return (
    <div className="stack">
      <div className="row">
        <label className="row fine">
          {t("events.only")}
          <select className="narrow" value={family} onChange={(event) => setFamily(event.target.value)}>
            <option value="">{t("events.all")}</option>
            {FAMILIES.map((each) => (
              <option key={each} value={each}>
                {t(`events.of_${each}`)}
              </option>
            ))}
          </select>
        </label>
        <a className="button small push" href={historyAddress(run.id)} download={`${run.id}.jsonl`}>
          <Icon name="download" />
          {t("events.export")}
        </a>
      </div>
      <List key={family} run={run} family={family} />
    </div>
  );
}

function List({ run, family }: { run: Run; family: string }) {
  const [live, setLive] = useState<RunEvent[]>([]);
  const types = family ? [`${family}.*`] : undefined;
  const log = useInfiniteQuery({
    queryKey: ["event-logs", run.id, family],
    initialPageParam: null as number | null,
    queryFn: async ({ pageParam, signal }) => {
      const rare = ["run.*"]; // so that little travels on the way to the end
      const before =
        pageParam ?? (await newest((after) => eventsPage(run.id, { types: rare, after, limit: 1000 }, signal))) + 1;
      return older((after) => eventsPage(run.id, { types, after, limit: 1000 }, signal), before, PAGE);
    },
    getNextPageParam: (page) => (page.from > 0 ? page.from : null),
    staleTime: Infinity,
    gcTime: 0,
    refetchOnWindowFocus: false,
    meta: { kept: false },
  });
  useEvents((bundle) => {
    if (bundle.some(({ type }) => type === "resync")) {
      setLive([]);
      return void log.refetch();
    }
    const own = bundle.filter((told) => told.run_id === run.id && (!family || told.type.startsWith(`${family}.`)));
    if (own.length === 0) return;
    if (live.length + own.length > MOST_LIVE) {
      setLive([]);
      return void log.refetch();
    }
    setLive((before) => [...(own as RunEvent[]).toReversed(), ...before]);
  });
  if (log.isPending) return <Loading />;
  if (log.isError) return <Problem error={log.error} again={() => void log.refetch()} />;
  const past = log.data.pages.flatMap(({ events }) => events);
  const newestPast = past[0]?.seq ?? 0;
  const shown = [...live.filter(({ seq }) => seq > newestPast), ...past];
  if (shown.length === 0) return <Empty title={t("events.none")} />;
  return (
    <>
      <ol className="events fine" aria-label={t("events.list")}>
        {shown.map((event) => (
          <One key={event.seq} event={event} />
        ))}
      </ol>
      {log.hasNextPage && (
        <div className="row">
          <button type="button" disabled={log.isFetchingNextPage} onClick={() => void log.fetchNextPage()}>
            {t("events.older")}
          </button>
        </div>
      )}
    </>
  );
}

function One({ event }: { event: RunEvent }) {
  const names = useVolunteerNames();
  const key = `event.${event.type}`;
  return (
    <li>
      <time dateTime={event.at} title={moment(event.at)} className="faint">
        {clock(event.at)}
      </time>
      <strong title={event.type}>{known(key) ? t(key) : event.type}</strong>
      <span className="particulars">
        {particulars(event).map(([name, value]) => (
          <span key={name}>
            <span className="faint">{fieldName(name)}</span>{" "}
            {name === "volunteer" ? (names.get(value) ?? value) : said(name, value)}
          </span>
        ))}
      </span>
    </li>
  );
}

function fieldName(name: string): string {
  const key = `event.field.${name}`;
  return known(key) ? t(key) : name;
}

function said(name: string, value: string): string {
  if (MOMENT.test(value)) return moment(value);
  const key = `status.${value}`;
  return name === "status" && known(key) ? t(key) : value;
}
