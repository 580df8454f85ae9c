import "uplot/dist/uPlot.min.css";
import { useEffect, useEffectEvent, useMemo, useRef, useState } from "react";
import uPlot from "uplot";
import { isExact, isNumber } from "../../../api/exact";
import { t } from "../../../text/text";
import { colorsOf, useColorChange } from "../colors";
import type { Table } from "./shapes";

const HEIGHT = 320;
const MOST_LINES = 6;
const STROKES = ["--busy", "--bad", "--good", "--warn", "--cell-reported", "--idle"];
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [5, 2], [14, 5]];
const ROWS = -1;

/** Columns of numbers over another one, or over the number of the row. */
export default function Plot({ table, numeric }: { table: Table; numeric: readonly number[] }) {
  const place = useRef<HTMLDivElement>(null);
  const [over, setOver] = useState(ROWS);
  const [lines, setLines] = useState<readonly number[]>(() => numeric.slice(0, 3));
  const theme = useColorChange();
  const shown = lines.filter((at) => at !== over).slice(0, MOST_LINES);
  const data = useMemo(() => {
    const rows =
      over === ROWS
        ? table.rows
        : table.rows.filter((row) => isNumber(row[over])).toSorted((a, b) => Number(a[over]) - Number(b[over]));
    const x = rows.map((row, line) => (over === ROWS ? line + 1 : Number(row[over])));
    return [
      x,
      ...shown.map((at) =>
        rows.map((row) => (isNumber(row[at]) && Number.isFinite(Number(row[at])) ? Number(row[at]) : null)),
      ),
    ] as uPlot.AlignedData;
  }, [table, over, shown.join()]); // oxlint-disable-line react-hooks/exhaustive-deps
  const rounded = [over, ...shown].some((at) => at !== ROWS && table.rows.some((row) => isExact(row[at])));
  const draw = useEffectEvent(() => {
    const [ink, line, ...strokes] = colorsOf(place.current!, ["--ink", "--line", ...STROKES]);
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line } };
    return new uPlot(
      {
        width: place.current!.clientWidth,
        height: HEIGHT,
        scales: { x: { time: false } },
        axes: [axis, axis],
        series: [
          { label: over === ROWS ? t("results.row") : table.columns[over] },
          ...shown.map((at, line): uPlot.Series => ({
            label: table.columns[at],
            stroke: strokes[line],
            width: 2,
            dash: DASHES[line],
            points: { show: data[0].length < 60 },
          })),
        ],
      },
      data,
      place.current!,
    );
  });
  useEffect(() => {
    const plot = draw();
    const observer = new ResizeObserver(
      () => place.current && plot.setSize({ width: place.current.clientWidth, height: HEIGHT }),
    );
    observer.observe(place.current!);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [data, theme]);
  return (
    <div className="stack">
      <div className="row fine">
        <label className="row">
          {t("results.over")}
          <select className="narrow" value={over} onChange={(event) => setOver(Number(event.target.value))}>
            <option value={ROWS}>{t("results.row")}</option>
            {numeric.map((at) => (
              <option key={at} value={at}>
                {table.columns[at]}
              </option>
            ))}
          </select>
        </label>
        {numeric
          .filter((at) => at !== over)
          .map((at) => (
            <label key={at} className="check">
              <input
                type="checkbox"
                checked={lines.includes(at)}
                onChange={(event) =>
                  setLines(event.target.checked ? [...lines, at] : lines.filter((line) => line !== at))
                }
              />
              <span>{table.columns[at]}</span>
            </label>
          ))}
      </div>
      {rounded && <p className="fine faint">{t("results.plot_rounded")}</p>}
      <div
        ref={place}
        className="plot"
        role="img"
        aria-label={t("results.plot_of", { columns: shown.map((at) => table.columns[at]).join(", ") })}
      />
    </div>
  );
}
