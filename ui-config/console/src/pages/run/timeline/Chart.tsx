import { type KeyboardEvent, type PointerEvent, useEffect, useEffectEvent, useMemo, useRef, useState } from "react";
import { clock } from "../../../text/format";
import { t } from "../../../text/text";
import { colorsOf, useColorChange } from "../colors";
import {
  type Lane,
  type Period,
  type Span,
  type Spot,
  spanAt,
  ticks,
  turned,
  type Turn,
  within,
  zoomed,
} from "./timeline";

const ROW = 16; // CSS pixels
const BETWEEN = 8;
const NEAR = 4; // CSS pixels within which a short span is hit

const OUTCOMES = ["LEASED", "RETURNED", "FAILED", "REFUSED", "HANDED_BACK", "EXPIRED", "TIMED_OUT"];
const COLORS = [
  "--cell-leased",
  "--cell-completed",
  "--cell-failed",
  "--cell-reported",
  "--cell-cancelled",
  "--warn",
  "--cell-dead",
];

const TURNS: Record<string, Turn> = {
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
  Home: "home",
  End: "end",
};

interface Props {
  lanes: Lane[];
  now: number;
  whole: Period;
  period: Period;
  cursor: Spot | null;
  onPeriod: (period: Period) => void;
  onCursor: (spot: Spot | null) => void;
  onPoint: (spot: Spot | null) => void;
  onOpen: (spot: Spot) => void;
}

/** Lanes on a canvas, their names beside it. */
export function Chart({ lanes, now, whole, period, cursor, onPeriod, onCursor, onPoint, onOpen }: Props) {
  const view = useRef<HTMLDivElement>(null);
  const board = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [room, setRoom] = useState({ width: 0, height: 0 });
  const [top, setTop] = useState(0);
  const drag = useRef<{ x: number; period: Period; moved: boolean } | null>(null);
  const theme = useColorChange();
  const tops = useMemo(() => {
    let at = 0;
    return [...lanes.map(({ rows }) => (at += rows.length * ROW + BETWEEN) - rows.length * ROW - BETWEEN), at];
  }, [lanes]);
  const height = tops.at(-1)!;
  const scale = room.width / (period.until - period.from); // CSS pixels a ms

  useEffect(() => {
    const [wide, high] = [board.current!, view.current!];
    const measure = () => setRoom({ width: wide.clientWidth, height: high.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(wide);
    observer.observe(high);
    return () => observer.disconnect();
  }, []);

  const draw = useEffectEvent(() => {
    const pen = canvas.current?.getContext("2d");
    if (!pen || room.width === 0) return;
    const ratio = devicePixelRatio || 1;
    const [wide, high] = [Math.round(room.width * ratio), Math.round(room.height * ratio)];
    if (canvas.current!.width !== wide || canvas.current!.height !== high)
      [canvas.current!.width, canvas.current!.height] = [wide, high];
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, room.width, room.height);
    const [ink, ...colors] = colorsOf(view.current!, ["--ink", ...COLORS]);
    lanes.forEach(({ rows }, lane) => {
      rows.forEach((spans, row) => {
        const y = tops[lane]! + row * ROW - top;
        if (y + ROW < 0 || y > room.height) return;
        drawRow(pen, spans, y, period, scale, now, room.width, colors);
      });
    });
    const marked = cursor && lanes[cursor.lane]?.rows[cursor.row]?.[cursor.at];
    if (!marked || !cursor) return;
    pen.strokeStyle = ink!;
    pen.lineWidth = 2;
    const x = (marked.start - period.from) * scale;
    pen.strokeRect(
      x - 1,
      tops[cursor.lane]! + cursor.row * ROW - top,
      Math.max(4, ((marked.end ?? now) - marked.start) * scale) + 2,
      ROW - 1,
    );
  });
  useEffect(() => {
    const frame = requestAnimationFrame(() => draw());
    return () => cancelAnimationFrame(frame);
  }, [lanes, period, room, top, cursor, theme, now]);

  const wheel = useEffectEvent((event: WheelEvent) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    const x = event.clientX - board.current!.getBoundingClientRect().left;
    onPeriod(zoomed(period, whole, event.deltaY > 0 ? 1.25 : 0.8, period.from + x / scale));
  });
  useEffect(() => {
    const listened = board.current!;
    const listener = (event: WheelEvent) => wheel(event);
    listened.addEventListener("wheel", listener, { passive: false });
    return () => listened.removeEventListener("wheel", listener);
  }, []);

  function under(event: PointerEvent): Spot | null {
    const box = board.current!.getBoundingClientRect();
    const y = event.clientY - box.top;
    const lane = tops.findIndex((from, at) => y >= from && y < (tops[at + 1] ?? Infinity));
    if (lane < 0 || lane >= lanes.length) return null;
    return spanAt(
      lanes,
      lane,
      Math.floor((y - tops[lane]!) / ROW),
      period.from + (event.clientX - box.left) / scale,
      NEAR / scale,
      now,
    );
  }
  function move(event: PointerEvent) {
    const held = drag.current;
    if (!held) return onPoint(under(event));
    const by = (held.x - event.clientX) / scale;
    if (Math.abs(held.x - event.clientX) > 3) held.moved = true;
    if (held.moved) onPeriod(within({ from: held.period.from + by, until: held.period.until + by }, whole));
  }
  function release(event: PointerEvent) {
    const held = drag.current;
    drag.current = null;
    const spot = held && !held.moved ? under(event) : null;
    if (!spot) return;
    onCursor(spot);
    onOpen(spot);
  }
  function go(spot: Spot | null) {
    onCursor(spot);
    const span = spot && lanes[spot.lane]!.rows[spot.row]![spot.at]!;
    if (!spot || !span) return;
    const length = period.until - period.from;
    if (span.start < period.from || span.start > period.until)
      onPeriod(within({ from: span.start - length / 3, until: span.start + (2 * length) / 3 }, whole));
    const y = tops[spot.lane]! + spot.row * ROW;
    if (y < top || y + 2 * ROW > top + room.height) view.current!.scrollTop = Math.max(0, y - room.height / 2);
  }
  function press(event: KeyboardEvent) {
    const turn = TURNS[event.key];
    if (event.key === "Enter" || event.key === " ") {
      if (cursor) onOpen(cursor);
    } else if (event.key === "+" || event.key === "-")
      onPeriod(zoomed(period, whole, event.key === "+" ? 0.5 : 2, (period.from + period.until) / 2));
    else if (turn && !event.altKey && !event.ctrlKey && !event.metaKey) go(turned(lanes, cursor, turn));
    else return;
    event.preventDefault();
  }
  return (
    <div className="timeline">
      <div className="timeline-axis fine faint" aria-hidden="true">
        {ticks(period, Math.max(2, Math.floor(room.width / 110))).map((time) => (
          <span key={time} style={{ left: `${(100 * (time - period.from)) / (period.until - period.from)}%` }}>
            {clock(time)}
          </span>
        ))}
      </div>
      <div
        ref={view}
        className="timeline-view"
        role="application"
        tabIndex={0}
        aria-label={t("timeline.chart")}
        onScroll={(event) => setTop(event.currentTarget.scrollTop)}
        onKeyDown={press}
      >
        <div className="timeline-names fine" style={{ height }}>
          {lanes.map((lane, at) => (
            <span key={lane.volunteer} title={lane.name} style={{ top: tops[at] }}>
              {lane.name}
            </span>
          ))}
        </div>
        <div
          ref={board}
          className="timeline-board"
          style={{ height: Math.max(height, room.height) }}
          onPointerDown={(event) => (drag.current = { x: event.clientX, period, moved: false })}
          onPointerMove={move}
          onPointerUp={release}
          onPointerLeave={() => ((drag.current = null), onPoint(null))}
        >
          <canvas ref={canvas} style={{ width: room.width, height: room.height }} />
        </div>
      </div>
    </div>
  );
}

/** Draw the spans of a row; those that fall on a pixel that has one already are left out. */
function drawRow(
  pen: CanvasRenderingContext2D,
  spans: readonly Span[],
  y: number,
  period: Period,
  scale: number,
  now: number,
  width: number,
  colors: readonly string[],
): void {
  let drawn = -1;
  for (const { start, end, outcome } of spans) {
    const until = ((end ?? now) - period.from) * scale;
    if (until < 0) continue;
    const from = (start - period.from) * scale;
    if (from > width) break;
    if (until <= drawn) continue;
    const x = Math.max(0, from);
    const w = Math.max(1, Math.min(width, until) - x - (until - from > 4 ? 1 : 0));
    const kind = end === null ? 0 : Math.max(0, OUTCOMES.indexOf(outcome));
    pen.fillStyle = colors[kind]!;
    pen.fillRect(x, y + 1, w, ROW - 3);
    if (kind >= 2 && w > 6) hatch(pen, x, y + 1, w, ROW - 3); // what did not go well is told by more than its colour
    drawn = Math.max(drawn, Math.floor(x) + 1);
  }
}

function hatch(pen: CanvasRenderingContext2D, x: number, y: number, width: number, height: number): void {
  pen.save();
  pen.beginPath();
  pen.rect(x, y, width, height);
  pen.clip();
  pen.strokeStyle = "rgb(255 255 255 / 0.6)";
  pen.lineWidth = 1.5;
  pen.beginPath();
  for (let at = x - height; at < x + width; at += 7) {
    pen.moveTo(at, y + height);
    pen.lineTo(at + height, y);
  }
  pen.stroke();
  pen.restore();
}
