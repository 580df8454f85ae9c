import "uplot/dist/uPlot.min.css";
import { useEffect, useRef, useState } from "react";
import uPlot from "uplot";
import { locale, t } from "../../text/text";
import type { Bar } from "./points";

const HEIGHT = 260; // CSS pixels

function colour(name: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** Rises by one whenever the colours change. */
function useColours(): number {
  const [version, setVersion] = useState(0);
  useEffect(() => {
    const changed = () => setVersion((before) => before + 1);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", changed);
    const chosen = new MutationObserver(changed);
    chosen.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    return () => {
      dark.removeEventListener("change", changed);
      chosen.disconnect();
    };
  }, []);
  return version;
}

/** What was completed and failed as bars, the machines that were there as a line. */
export default function Chart({ bars, label }: { bars: readonly Bar[]; label: string }) {
  const place = useRef<HTMLDivElement>(null);
  const colours = useColours();
  useEffect(() => {
    const box = place.current;
    if (!box) return;
    const grid = { stroke: colour("--line"), width: 1 };
    const axis = { stroke: colour("--faint"), grid, ticks: grid };
    const columns = uPlot.paths.bars?.({ size: [0.7, 60], align: 1 });
    const day = new Intl.DateTimeFormat(locale(), { day: "numeric", month: "short" });
    const hour = new Intl.DateTimeFormat(locale(), { hour: "2-digit", minute: "2-digit" });
    const step = bars.length > 1 ? (bars[1]!.at - bars[0]!.at) / 1000 : 3600; // s
    const byDay = step > 12 * 3600;
    const plot = new uPlot(
      {
        width: box.clientWidth,
        height: HEIGHT,
        cursor: { drag: { x: false, y: false } },
        scales: {
          x: { range: (_, from, until) => [from, until + step] }, // the last bar, too, stands right of its beginning
          y: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] },
          machines: { range: (_, __, most) => [0, Math.max(1, Math.ceil(most * 1.2))] },
        },
        axes: [
          { ...axis, values: (_, splits) => splits.map((at) => (byDay ? day : hour).format(at * 1000)) },
          {
            ...axis,
            size: 60,
            values: (_, splits) =>
              splits.map((value) => (Number.isInteger(value) ? value.toLocaleString(locale()) : "")),
          },
          {
            ...axis,
            scale: "machines",
            side: 1,
            grid: { show: false },
            values: (_, splits) => splits.map((value) => (Number.isInteger(value) ? String(value) : "")),
          },
        ],
        series: [
          {
            label: t("throughput.from"),
            value: (_, at) => (at === null || at === undefined ? "" : (byDay ? day : hour).format(at * 1000)),
          },
          {
            label: t("throughput.completed"),
            stroke: colour("--accent"),
            fill: colour("--accent"),
            paths: columns,
            points: { show: false },
          },
          {
            label: t("throughput.failed"),
            stroke: colour("--bad"),
            fill: colour("--bad"),
            paths: columns,
            points: { show: false },
          },
          { label: t("throughput.online"), scale: "machines", stroke: colour("--busy"), width: 2, dash: [6, 4] },
        ],
      },
      [
        bars.map((bar) => bar.at / 1000),
        bars.map((bar) => bar.completed),
        bars.map((bar) => bar.failed),
        bars.map((bar) => bar.online),
      ],
      box,
    );
    const resized = new ResizeObserver(() => plot.setSize({ width: box.clientWidth, height: HEIGHT }));
    resized.observe(box);
    return () => {
      resized.disconnect();
      plot.destroy();
    };
  }, [bars, colours]);
  return <div ref={place} className="chart" role="img" aria-label={label} />;
}
