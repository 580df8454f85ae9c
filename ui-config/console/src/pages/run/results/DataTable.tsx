import { lazy, Suspense, useMemo, useState } from "react";
import { number } from "../../../text/format";
import { t } from "../../../text/text";
import { Icon } from "../../../ui/Icon";
import { Scroll } from "../../../ui/Scroll";
import { Loading } from "../../../ui/states";
import { DownloadText } from "./Download";
import { csvOf, numericColumns, sorted, type Table } from "./shapes";
import { plain } from "./written";

const Plot = lazy(() => import("./Plot"));
const MOST_ROWS = 1000;

interface Order {
  column: number;
  down: boolean;
}

/** The first rows of a table, sorted by any column, and a plot of its numbers. */
export function DataTable({ table, name }: { table: Table; name: string }) {
  const [order, setOrder] = useState<Order | null>(null);
  const [plotted, setPlotted] = useState(false);
  const numeric = useMemo(() => numericColumns(table), [table]);
  const rows = useMemo(
    () => (order ? sorted(table.rows, order.column, order.down) : table.rows).slice(0, MOST_ROWS),
    [table, order],
  );
  function sort(column: number) {
    setOrder(order?.column !== column ? { column, down: false } : order.down ? null : { column, down: true });
  }
  return (
    <div className="stack">
      <div className="row fine">
        <span className="faint">{t("results.rows", { count: table.rows.length })}</span>
        {numeric.length > 0 && table.rows.length > 1 && (
          <button type="button" className="small" aria-pressed={plotted} onClick={() => setPlotted(!plotted)}>
            {t("results.plot")}
          </button>
        )}
        <DownloadText name={`${name}.csv`} text={csvOf(table)} type="text/csv">
          {t("results.as_csv")}
        </DownloadText>
      </div>
      {plotted && (
        <Suspense fallback={<Loading />}>
          <Plot table={table} numeric={numeric} />
        </Suspense>
      )}
      <Scroll label={t("results.table_of", { name })} long>
        <table>
          <thead>
            <tr>
              {table.columns.map((column, at) => (
                <th
                  key={at}
                  className={numeric.includes(at) ? "number" : undefined}
                  aria-sort={order?.column === at ? (order.down ? "descending" : "ascending") : undefined}
                >
                  <button type="button" className="link" onClick={() => sort(at)}>
                    {column || t("results.unnamed")}
                    {order?.column === at && (
                      <span className={order.down ? "turned" : undefined}>
                        <Icon name="down" size={10} />
                      </span>
                    )}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, line) => (
              <tr key={line}>
                {table.columns.map((_, at) => (
                  <td key={at} className={numeric.includes(at) ? "number" : undefined}>
                    {plain(row[at])}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {table.rows.length > MOST_ROWS && (
        <p className="fine faint">{t("results.first_rows", { shown: number(MOST_ROWS), count: table.rows.length })}</p>
      )}
    </div>
  );
}
