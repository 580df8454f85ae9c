import { expect, test } from "vitest";
import { type Frame, frameReader } from "./frames";

const STREAM = 'retry: 1000\n\nid: 7\n: still here\n\nid: 8\nevent: run.completed\ndata: {"seq":8,\ndata: "x":1}\n\n';
const FRAMES: Frame[] = [
  { id: null, type: "", data: null },
  { id: "7", type: "", data: null },
  { id: "8", type: "run.completed", data: '{"seq":8,\n"x":1}' },
];

test.each([1, 2, 3, 7, 1000])("a stream that comes in pieces of %d letters is the same events", (length) => {
  const read = frameReader();
  const frames: Frame[] = [];
  for (let at = 0; at < STREAM.length; at += length) frames.push(...read(STREAM.slice(at, at + length)));
  expect(frames).toEqual(FRAMES);
});

test("lines may end as on Windows", () => {
  expect(frameReader()(STREAM.replaceAll("\n", "\r\n"))).toEqual(FRAMES);
});

test("what has not wholly come is no event", () => {
  expect(frameReader()("id: 9\nevent: run.completed\ndata: {}\n")).toEqual([]);
});
