/** Turns cells into pixels: into one buffer that is put on the canvas in one go, whatever the number of cells. */
import { type Choice, chosen, type Grid, STATUSES } from "./grid";
import type { Layout } from "./layout";

/** Colours as 0xAABBGGRR (as ImageData lies in memory on every machine that has a browser). */
export type Palette = Uint32Array;

/** How a cell of each status is marked where it is large enough, so that its colour is not needed. */
export const LETTERS: readonly string[] = ["", "›", "?", "✓", "✕", "–", "!"];
const LETTERED = 12; // CSS pixels
const GAPPED = 4;
const DIMMED = 0.78; // how far a dimmed cell goes towards the ground

export function packed(red: number, green: number, blue: number): number {
  return (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
}

function mixed(color: number, ground: number, share: number): number {
  const part = (shift: number) => {
    const [a, b] = [(color >>> shift) & 255, (ground >>> shift) & 255];
    return Math.round(a + (b - a) * share);
  };
  return packed(part(0), part(8), part(16));
}

/** The colours of all 64 kinds of cell: first as they are, then dimmed. */
export function palette(byStatus: readonly number[], ground: number): Palette {
  const colors = new Uint32Array(128).fill(ground);
  for (let cell = 0; cell < 64; cell += 1) {
    const status = (cell & 7) - 1;
    if (status < 0 || status >= STATUSES.length) continue;
    colors[cell] = byStatus[status]!;
    colors[64 + cell] = mixed(byStatus[status]!, ground, DIMMED);
  }
  return colors;
}

export interface View {
  /** Device pixels. */
  width: number;
  height: number;
  /** Device pixels a CSS pixel. */
  ratio: number;
  /** CSS pixels of the layout above the view. */
  top: number;
}

/** Pictures of all 128 kinds of cell, `side` * `side` pixels each; null where a plain colour is enough. */
export interface Tiles {
  side: number;
  pixels: Uint32Array | null;
}

/** Fill `buffer` (width * height) with what the view shows of the grid. */
export function paint(
  buffer: Uint32Array,
  view: View,
  grid: Grid,
  layout: Layout,
  choice: Choice,
  colors: Palette,
  tiles: Tiles,
  ground: number,
): void {
  buffer.fill(ground);
  const side = tiles.side;
  const gap = layout.size >= GAPPED ? Math.max(1, Math.round(view.ratio)) : 0;
  const shown = Math.min(layout.columns, Math.floor(view.width / side));
  const kinds = chosen(choice);
  const holder = choice.volunteer === null ? -1 : grid.volunteers.indexOf(choice.volunteer) + 1;
  for (const area of layout.areas) {
    const block = grid.blocks[area.block]!;
    const begin = Math.round((area.cells - view.top) * view.ratio);
    const first = Math.max(0, Math.floor(-begin / side));
    const last = Math.min(area.rows, Math.ceil((view.height - begin) / side));
    for (let row = first; row < last; row += 1) {
      const from = row * layout.columns;
      const count = Math.min(shown, area.count - from);
      const y = begin + row * side;
      const kindAt = (index: number): number => {
        const cell = block.cells[index]! & 63;
        const out = kinds[cell] === 1 && (holder < 0 || (holder > 0 && block.holders?.[index] === holder));
        return out ? cell : cell + 64;
      };
      if (tiles.pixels) stamp(buffer, view, tiles.pixels, side, y, from, count, kindAt);
      else stripe(buffer, view, colors, side, gap, y, from, count, kindAt);
    }
  }
}

/** Draw a row of plain cells: one line of pixels, copied downwards. */
function stripe(
  buffer: Uint32Array,
  view: View,
  colors: Palette,
  side: number,
  gap: number,
  y: number,
  from: number,
  count: number,
  kindAt: (index: number) => number,
): void {
  const line = Math.max(0, y);
  if (line >= view.height || y + side - gap <= 0) return;
  const start = line * view.width;
  const wide = side - gap;
  for (let column = 0; column < count; column += 1) {
    const color = colors[kindAt(from + column)]!;
    const x = start + column * side;
    for (let pixel = 0; pixel < wide; pixel += 1) buffer[x + pixel] = color;
  }
  const end = Math.min(view.height, y + side - gap);
  for (let next = line + 1; next < end; next += 1) buffer.copyWithin(next * view.width, start, start + count * side);
}

/** Draw a row of marked cells, line by line out of their pictures. */
function stamp(
  buffer: Uint32Array,
  view: View,
  pixels: Uint32Array,
  side: number,
  y: number,
  from: number,
  count: number,
  kindAt: (index: number) => number,
): void {
  for (let column = 0; column < count; column += 1) {
    const tile = kindAt(from + column) * side * side;
    for (let line = Math.max(0, -y); line < side && y + line < view.height; line += 1) {
      buffer.set(
        pixels.subarray(tile + line * side, tile + line * side + side),
        (y + line) * view.width + column * side,
      );
    }
  }
}

/** Draw the pictures of all kinds of cell at this size. `mark` is the colour of what is written on them. */
export function makeTiles(size: number, ratio: number, colors: Palette, ground: number, mark: number): Tiles {
  const side = Math.max(1, Math.round(size * ratio));
  if (size < LETTERED) return { side, pixels: null };
  const canvas = document.createElement("canvas");
  canvas.width = side;
  canvas.height = side * 128;
  const pen = canvas.getContext("2d", { willReadFrequently: true })!;
  const gap = Math.max(1, Math.round(ratio));
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  for (let kind = 0; kind < 128; kind += 1) {
    const status = (kind & 7) - 1;
    const top = kind * side;
    pen.fillStyle = css(ground);
    pen.fillRect(0, top, side, side);
    if (status < 0) continue;
    pen.fillStyle = css(colors[kind]!);
    pen.fillRect(0, top, side - gap, side - gap);
    pen.fillStyle = css(kind < 64 ? mark : mixed(mark, colors[kind]!, 0.6));
    pen.font = `bold ${Math.round(side * 0.62)}px system-ui, sans-serif`;
    pen.fillText(LETTERS[status]!, (side - gap) / 2, top + (side - gap) / 2);
    const again = (kind & 63) >> 3;
    if (again >= 2) pen.fillRect(side - gap - side / 4, top, side / 4, side / 4); // tried more than once: a corner
  }
  return { side, pixels: new Uint32Array(pen.getImageData(0, 0, side, side * 128).data.buffer) };
}

function css(color: number): string {
  return `rgb(${color & 255} ${(color >> 8) & 255} ${(color >> 16) & 255})`;
}
