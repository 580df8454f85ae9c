import { expect, test } from "vitest";
import { cellAt, fitting, layOut, moved, pointOf, SIZES, type Step } from "./layout";
import { decode } from "./grid";
import { paint, palette } from "./paint";

const layout = layOut([25, 0, 7], 40, 4); // ten columns: three rows, and one

test("each cell is found where it lies", () => {
  for (const block of [0, 2]) {
    for (let index = 0; index < [25, 0, 7][block]!; index += 1) {
      const { x, y } = pointOf(layout, { block, index })!;
      expect(cellAt(layout, x + 1, y + 3)).toEqual({ block, index });
    }
  }
});

test("there is no cell beside and between them", () => {
  expect(cellAt(layout, 2, 2)).toBeNull();
  const last = pointOf(layout, { block: 0, index: 24 })!;
  expect(cellAt(layout, last.x + 5, last.y)).toBeNull();
  expect(cellAt(layout, 41, last.y - 4)).toBeNull();
});

test("everything is shown at once where it can be", () => {
  expect(fitting([100_000], 1200, 600)).toBe(2);
  expect(fitting([40], 1200, 600)).toBe(SIZES.at(-1));
  expect(fitting([10_000_000], 300, 600)).toBe(SIZES[0]);
});

test.each<[Step, [number, number], [number, number]]>([
  ["right", [0, 24], [2, 0]],
  ["left", [2, 0], [0, 24]],
  ["left", [0, 0], [0, 0]],
  ["down", [0, 17], [0, 24]],
  ["down", [0, 23], [2, 3]],
  ["down", [2, 3], [2, 3]],
  ["up", [2, 6], [0, 24]],
  ["up", [0, 14], [0, 4]],
  ["home", [0, 14], [0, 0]],
  ["end", [0, 14], [0, 24]],
  ["last", [0, 14], [2, 6]],
  ["first", [2, 1], [0, 0]],
  ["next", [0, 9], [2, 0]],
  ["previous", [0, 9], [0, 0]],
])("%s from %o leads to %o", (step, [block, index], to) => {
  expect(moved(layout, { block, index }, step)).toEqual({ block: to[0], index: to[1] });
});

test("pixels show the cells, dimmed where they are not chosen", () => {
  const grid = decode(
    new Uint8Array([...new TextEncoder().encode('{"v":1,"seq":1,"tasks":[{"name":"a","at":0,"count":3}]}\n'), 4, 5, 0])
      .buffer,
  );
  const colors = palette(
    [1, 2, 3, 4, 5, 6, 7].map((blue) => (0xff000000 | (blue << 16)) >>> 0),
    0xff000000,
  );
  const small = layOut([3], 6, 2);
  const view = { width: 6, height: small.height, ratio: 1, top: 0 };
  const buffer = new Uint32Array(view.width * view.height);
  const choice = { statuses: new Set(["COMPLETED"] as const), attempts: 0, volunteer: null };
  paint(buffer, view, grid, small, choice, colors, { side: 2, pixels: null }, 0xff000000);
  const row = small.areas[0]!.cells * view.width;
  expect([...buffer.subarray(row, row + 6)]).toEqual([
    colors[4],
    colors[4],
    colors[64 + 5],
    colors[64 + 5],
    0xff000000,
    0xff000000,
  ]);
  expect([...buffer.subarray(row + 6, row + 12)]).toEqual([...buffer.subarray(row, row + 6)]);
});
