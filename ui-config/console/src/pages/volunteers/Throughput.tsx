import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useMemo, useState } from "react";
import { throughputQuery } from "../../api/volunteers";
import { number } from "../../text/format";
import { locale, t } from "../../text/text";
import { Scroll } from "../../ui/Scroll";
import { Empty, Loading, Problem } from "../../ui/states";
import { bars, total } from "./points";

const Chart = lazy(() => import("./Chart"));

const DAY = 24;
const SPANS = [DAY, 7 * DAY, 30 * DAY] as const;

/** How much the machines did over time, as a picture and as a table. */
export default function ThroughputTab() {
  const [hours, setHours] = useState<number>(DAY);
  const byDay = hours > DAY;
  const told = useQuery(throughputQuery(hours));
  const shown = useMemo(() => (told.data ? bars(told.data, byDay) : []), [told.data, byDay]);
  const sum = total(shown);
  const when = new Intl.DateTimeFormat(
    locale(),
    byDay ? { dateStyle: "medium" } : { weekday: "short", hour: "2-digit", minute: "2-digit" },
  );
  return (
    <div className="stack roomy">
      <div className="row" role="group" aria-label={t("throughput.span")}>
        {SPANS.map((span) => (
          <button
            key={span}
            type="button"
            className="small choice"
            aria-pressed={span === hours}
            onClick={() => setHours(span)}
          >
            {span === DAY ? t("throughput.day") : t("throughput.days", { days: span / DAY })}
          </button>
        ))}
      </div>
      {told.isPending ? (
        <Loading />
      ) : told.isError ? (
        <Problem error={told.error} again={() => void told.refetch()} />
      ) : sum.completed + sum.failed === 0 && shown.every((bar) => bar.online === 0) ? (
        <Empty title={t("throughput.none")}>{t("throughput.none_hint")}</Empty>
      ) : (
        <>
          <p>{t("throughput.sum", { completed: sum.completed, failed: sum.failed })}</p>
          <Suspense
            fallback={
              <div className="chart">
                <Loading />
              </div>
            }
          >
            <Chart bars={shown} label={t("throughput.sum", { completed: sum.completed, failed: sum.failed })} />
          </Suspense>
          <details>
            <summary>{t("throughput.table")}</summary>
            <Scroll label={t("throughput.table")}>
              <table>
                <thead>
                  <tr>
                    <th scope="col">{byDay ? t("throughput.on_day") : t("throughput.from")}</th>
                    <th scope="col" className="number">
                      {t("throughput.completed")}
                    </th>
                    <th scope="col" className="number">
                      {t("throughput.failed")}
                    </th>
                    <th scope="col" className="number">
                      {t("throughput.online")}
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {shown.toReversed().map((bar) => (
                    <tr key={bar.at}>
                      <td>{when.format(bar.at)}</td>
                      <td className="number">{number(bar.completed)}</td>
                      <td className="number">{number(bar.failed)}</td>
                      <td className="number">{number(bar.online)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
          </details>
        </>
      )}
    </div>
  );
}
