/** Where the cells of a grid lie: under each task's heading its cells, row by row, from left to right. CSS pixels. */

export const SIZES = [2, 3, 4, 6, 8, 12, 16, 24, 32] as const;
export const HEADING = 30;
const BELOW = 10;

export interface Area {
  /** The block's place in the grid. */
  block: number;
  count: number;
  /** Where its heading begins, and where its cells do. */
  top: number;
  cells: number;
  rows: number;
}

export interface Layout {
  size: number;
  columns: number;
  areas: Area[];
  height: number;
}

export function layOut(counts: readonly number[], width: number, size: number): Layout {
  const columns = Math.max(1, Math.floor(width / size));
  const areas: Area[] = [];
  let top = 0;
  counts.forEach((count, block) => {
    if (count === 0) return;
    const rows = Math.ceil(count / columns);
    areas.push({ block, count, top, cells: top + HEADING, rows });
    top += HEADING + rows * size + BELOW;
  });
  return { size, columns, areas, height: top };
}

/** The largest size at which everything is seen at once, else the smallest. */
export function fitting(counts: readonly number[], width: number, height: number): number {
  return SIZES.findLast((size) => layOut(counts, width, size).height <= height) ?? SIZES[0];
}

export interface Place {
  block: number;
  index: number;
}

/** Which cell lies at a point of the layout. */
export function cellAt(layout: Layout, x: number, y: number): Place | null {
  const area = layout.areas.find(({ cells, rows }) => y >= cells && y < cells + rows * layout.size);
  const column = Math.floor(x / layout.size);
  if (!area || column < 0 || column >= layout.columns) return null;
  const index = Math.floor((y - area.cells) / layout.size) * layout.columns + column;
  return index < area.count ? { block: area.block, index } : null;
}

export function pointOf(layout: Layout, place: Place): { x: number; y: number } | null {
  const area = layout.areas.find(({ block }) => block === place.block);
  if (!area) return null;
  return {
    x: (place.index % layout.columns) * layout.size,
    y: area.cells + Math.floor(place.index / layout.columns) * layout.size,
  };
}

export type Step = "left" | "right" | "up" | "down" | "home" | "end" | "first" | "last" | "next" | "previous";

/** Where the cursor goes from a cell: rows lead from one task's cells into the next's. */
export function moved(layout: Layout, from: Place, step: Step): Place {
  const { areas, columns } = layout;
  const at = areas.findIndex(({ block }) => block === from.block);
  const area = areas[at];
  if (!area) return areas[0] ? { block: areas[0].block, index: 0 } : from;
  const column = from.index % columns;
  const within = (index: number): Place => ({ block: area.block, index });
  const start = (other: Area | undefined): Place => (other ? { block: other.block, index: 0 } : from);
  switch (step) {
    case "left":
      if (from.index > 0) return within(from.index - 1);
      return at > 0 ? { block: areas[at - 1]!.block, index: areas[at - 1]!.count - 1 } : from;
    case "right":
      return from.index + 1 < area.count ? within(from.index + 1) : start(areas[at + 1]);
    case "up": {
      if (from.index >= columns) return within(from.index - columns);
      const above = areas[at - 1];
      return above
        ? { block: above.block, index: Math.min((above.rows - 1) * columns + column, above.count - 1) }
        : from;
    }
    case "down": {
      if (from.index + columns < area.count) return within(from.index + columns);
      if (Math.floor(from.index / columns) < area.rows - 1) return within(area.count - 1);
      const below = areas[at + 1];
      return below ? { block: below.block, index: Math.min(column, below.count - 1) } : from;
    }
    case "home":
      return within(0);
    case "end":
      return within(area.count - 1);
    case "first":
      return start(areas[0]);
    case "last": {
      const last = areas.at(-1)!;
      return { block: last.block, index: last.count - 1 };
    }
    case "next":
      return start(areas[at + 1]);
    case "previous":
      return start(areas[at - 1] ?? area);
  }
}
