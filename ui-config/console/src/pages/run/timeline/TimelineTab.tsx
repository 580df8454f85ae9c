import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { ENDED, type Run, timelineQuery } from "../../../api/runs";
import { clock, duration, number } from "../../../text/format";
import { t } from "../../../text/text";
import { useNow } from "../../../ui/Ago";
import { Icon } from "../../../ui/Icon";
import { Empty, Loading, Problem } from "../../../ui/states";
import { Outcome, outcomeName } from "../Outcome";
import { useSubtaskPlace } from "../place";
import { Chart } from "./Chart";
import { lanesOf, type Period, type Spot, wholePeriod, zoomed } from "./timeline";

const POLL = 5000; // ms

const OUTCOMES = ["RETURNED", "FAILED", "REFUSED", "HANDED_BACK", "EXPIRED", "TIMED_OUT"] as const;

/** Which volunteer ran what when. */
export default function TimelineTab({ run }: { run: Run }) {
  const [until, setUntil] = useState<number | undefined>();
  const over = ENDED.has(run.status);
  const timeline = useQuery({
    ...timelineQuery(run.id, until),
    refetchInterval: over || until !== undefined ? false : POLL,
  });
  const beat = useNow();
  const now = over ? new Date(run.ended_at ?? beat).getTime() : Math.max(beat, timeline.dataUpdatedAt);
  const lanes = useMemo(() => (timeline.data ? lanesOf(timeline.data) : []), [timeline.data]);
  const whole = useMemo(() => wholePeriod(lanes, now), [lanes, now]);
  const [period, setPeriod] = useState<Period | null>(null);
  const [cursor, setCursor] = useState<Spot | null>(null);
  const [pointed, setPointed] = useState<Spot | null>(null);
  const [, open] = useSubtaskPlace();
  if (timeline.isPending) return <Loading />;
  if (timeline.isError && !timeline.data)
    return <Problem error={timeline.error} again={() => void timeline.refetch()} />;
  if (lanes.length === 0) return <Empty title={t("timeline.empty")}>{t("timeline.empty_why")}</Empty>;
  const shown = period ?? whole;
  const other = (to: number | undefined) => (setUntil(to), setPeriod(null), setCursor(null), setPointed(null));
  const zoom = (by: number) => setPeriod(zoomed(shown, whole, by, (shown.from + shown.until) / 2));
  const told = pointed ?? cursor;
  const lane = told && lanes[told.lane];
  const span = lane?.rows[told!.row]?.[told!.at];
  return (
    <div className="stack">
      {(timeline.data!.left_out > 0 || until !== undefined) && (
        <div className="row">
          <span className="fine">{t("timeline.left_out", { count: timeline.data!.left_out })}</span>
          <button
            type="button"
            className="small"
            disabled={timeline.data!.left_out === 0}
            onClick={() => other(whole.from)}
          >
            {t("timeline.earlier")}
          </button>
          <button type="button" className="small" disabled={until === undefined} onClick={() => other(undefined)}>
            {t("timeline.newest")}
          </button>
        </div>
      )}
      <div className="row">
        <ul className="legend-list fine" aria-label={t("timeline.legend")}>
          <li>
            <span className="swatch leased" aria-hidden="true" />
            {t("status.LEASED")}
          </li>
          {OUTCOMES.map((outcome) => (
            <li key={outcome}>
              <span className={`swatch outcome-${outcome.toLowerCase()}`} aria-hidden="true" />
              {outcomeName(outcome)}
            </li>
          ))}
        </ul>
        <span className="row push" role="group" aria-label={t("timeline.zoom")}>
          <button type="button" className="small" aria-label={t("timeline.longer")} onClick={() => zoom(2)}>
            <Icon name="dash" />
          </button>
          <button type="button" className="small" aria-label={t("timeline.shorter")} onClick={() => zoom(0.5)}>
            <Icon name="add" />
          </button>
          <button type="button" className="small" aria-pressed={period === null} onClick={() => setPeriod(null)}>
            {t("grid.fit")}
          </button>
        </span>
      </div>
      <Chart
        lanes={lanes}
        now={now}
        whole={whole}
        period={shown}
        cursor={cursor}
        onPeriod={setPeriod}
        onCursor={setCursor}
        onPoint={setPointed}
        onOpen={(spot) => {
          const found = lanes[spot.lane]?.rows[spot.row]?.[spot.at]; // gone where the lanes are newer than the cursor
          if (found) open({ task: found.task, index: found.index });
        }}
      />
      <p className="fine grid-said" role="status">
        {lane && span && (
          <>
            <strong>{lane.name}</strong> · {t("grid.subtask", { task: span.task, index: number(span.index) })}{" "}
            {t("story.span", {
              from: clock(span.start),
              until: span.end === null ? "…" : clock(span.end),
              span: duration(((span.end ?? now) - span.start) / 1000),
            })}{" "}
            {span.end === null ? t("status.LEASED") : <Outcome outcome={span.outcome} />}
          </>
        )}
      </p>
      <p className="fine faint">{t("timeline.keys")}</p>
    </div>
  );
}
