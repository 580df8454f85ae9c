import { type KeyboardEvent, type MouseEvent, useEffect, useEffectEvent, useMemo, useRef, useState } from "react";
import { number } from "../../../text/format";
import { t } from "../../../text/text";
import { colorsOf, pixelOf, useColorChange } from "../colors";
import type { Choice, Grid } from "./grid";
import { type Area, cellAt, fitting, HEADING, layOut, moved, type Place, pointOf, type Step } from "./layout";
import { makeTiles, paint, palette } from "./paint";

const COLORS = ["queued", "leased", "reported", "completed", "failed", "cancelled", "dead"].map(
  (name) => `--cell-${name}`,
);

const KEYS: Record<string, Step> = {
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
  Home: "home",
  End: "end",
  PageUp: "previous",
  PageDown: "next",
};
const WITH_CONTROL: Record<string, Step> = { Home: "first", End: "last" };

interface Props {
  grid: Grid;
  version: number;
  choice: Choice;
  /** CSS pixels of a cell; null: as large as all of them fit. */
  size: number | null;
  cursor: Place | null;
  onCursor: (place: Place | null) => void;
  onPoint: (place: Place | null) => void;
  onOpen: (place: Place) => void;
  onZoom: (by: 1 | -1) => void;
  describedBy: string;
}

/** The cells on a canvas as large as the view; it scrolls over a place as high as all of them. */
export function GridCanvas({
  grid,
  version,
  choice,
  size,
  cursor,
  onCursor,
  onPoint,
  onOpen,
  onZoom,
  describedBy,
}: Props) {
  const view = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const pixels = useRef<{ image: ImageData; buffer: Uint32Array } | null>(null);
  const [room, setRoom] = useState({ width: 0, height: 0 });
  const [top, setTop] = useState(0);
  const theme = useColorChange();
  const ratio = devicePixelRatio || 1;
  const counts = grid.blocks.map(({ count }) => count);
  const wanted = size ?? fitting(counts, room.width, room.height);
  const exact = Math.max(1, Math.round(wanted * ratio)) / ratio; // a whole number of the screen's own pixels
  const shape = counts.join();
  const layout = useMemo(
    () => layOut(shape === "" ? [] : shape.split(",").map(Number), room.width, exact),
    [shape, room.width, exact],
  );

  useEffect(() => {
    const shown = view.current!;
    const measure = () => setRoom({ width: shown.clientWidth, height: shown.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(shown);
    return () => observer.disconnect();
  }, []);

  const look = useMemo(() => {
    if (!view.current || room.width === 0) return null;
    const [ground, mark, ...states] = colorsOf(view.current, ["--sheet", "--cell-mark", ...COLORS]).map(pixelOf);
    const colors = palette(states, ground!);
    return { ground: ground!, colors, tiles: makeTiles(exact, ratio, colors, ground!, mark!) };
    // oxlint-disable-next-line react-hooks/exhaustive-deps -- `theme` says that the colours of the page have changed
  }, [room.width, exact, ratio, theme]);

  const draw = useEffectEvent(() => {
    const shown = canvas.current;
    const pen = shown?.getContext("2d", { alpha: false });
    if (!shown || !pen || !look) return;
    const [width, height] = [Math.round(room.width * ratio), Math.round(room.height * ratio)];
    if (width === 0 || height === 0) return;
    if (shown.width !== width || shown.height !== height || !pixels.current) {
      [shown.width, shown.height] = [width, height];
      const image = new ImageData(width, height);
      pixels.current = { image, buffer: new Uint32Array(image.data.buffer) };
    }
    const { image, buffer } = pixels.current;
    paint(
      buffer,
      { width, height, ratio, top: view.current!.scrollTop },
      grid,
      layout,
      choice,
      look.colors,
      look.tiles,
      look.ground,
    );
    pen.putImageData(image, 0, 0);
  });
  useEffect(() => {
    const frame = requestAnimationFrame(() => draw());
    return () => cancelAnimationFrame(frame);
  }, [version, choice, layout, look, top, room]);

  const follow = useEffectEvent(() => {
    const at = cursor && pointOf(layout, cursor);
    const shown = view.current;
    if (!at || !shown) return;
    if (at.y < shown.scrollTop + HEADING) shown.scrollTop = Math.max(0, at.y - HEADING);
    else if (at.y + exact > shown.scrollTop + room.height) shown.scrollTop = at.y + 2 * exact - room.height;
  });
  useEffect(() => follow(), [cursor, exact]);

  function under(event: MouseEvent): Place | null {
    const box = view.current!.getBoundingClientRect();
    return cellAt(
      layout,
      event.clientX - box.left - view.current!.clientLeft,
      event.clientY - box.top - view.current!.clientTop + view.current!.scrollTop,
    );
  }
  function press(event: KeyboardEvent) {
    if (event.key === "Enter" || event.key === " ") {
      if (cursor) onOpen(cursor);
    } else if (event.key === "+" || event.key === "-") onZoom(event.key === "+" ? 1 : -1);
    else {
      const step = (event.ctrlKey && WITH_CONTROL[event.key]) || KEYS[event.key];
      const begin = layout.areas[0];
      if (!step || !begin || event.altKey || event.metaKey) return;
      onCursor(cursor ? moved(layout, cursor, step) : { block: begin.block, index: 0 });
    }
    event.preventDefault();
  }
  const marked = cursor && pointOf(layout, cursor);
  return (
    <div
      ref={view}
      className="grid-view"
      tabIndex={0}
      role="application"
      aria-label={t("grid.cells")}
      aria-describedby={describedBy}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
      onKeyDown={press}
    >
      <div
        className="grid-place"
        style={{ height: Math.max(layout.height, room.height) }}
        onMouseMove={(event) => onPoint(under(event))}
        onMouseLeave={() => onPoint(null)}
        onClick={(event) => {
          const place = under(event);
          if (!place) return;
          onCursor(place);
          onOpen(place);
        }}
      >
        <canvas ref={canvas} style={{ width: room.width, height: room.height }} />
        {layout.areas
          .filter((area) => area.cells + area.rows * exact >= top && area.top <= top + room.height)
          .map((area) => (
            <Heading key={area.block} grid={grid} area={area} />
          ))}
        {marked && (
          <span className="grid-cursor" style={{ left: marked.x, top: marked.y, width: exact, height: exact }} />
        )}
      </div>
    </div>
  );
}

function Heading({ grid, area }: { grid: Grid; area: Area }) {
  const block = grid.blocks[area.block]!;
  return (
    <div className="grid-heading fine" style={{ top: area.top, height: HEADING }}>
      <strong>{block.name}</strong>{" "}
      <span className="faint">{t("grid.of_task", { done: block.counts[4]!, total: number(area.count) })}</span>
    </div>
  );
}
