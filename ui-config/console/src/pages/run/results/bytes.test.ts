import { expect, test } from "vitest";
import { referencesIn } from "./bytes";
import { pictureType } from "./images";

const part = { blob: "a".repeat(64), size: 3, media_type: "application/octet-stream" };

test("a list of references tells the bytes of each subtask, and which failed", () => {
  expect(referencesIn([part, null, part])).toEqual([part, null, part]);
});

test.each([
  ["of failures alone", [null, null]],
  ["of other objects", [part, { ...part, more: 1 }]],
  ["of another media type", [{ ...part, media_type: "text/html" }]],
  ["of words", [{ ...part, blob: "words" }]],
  ["without anything in it", []],
])("a list %s is no list of references", (_, list) => {
  expect(referencesIn(list)).toBeNull();
});

test("pictures are told by their first bytes alone", () => {
  const begin = (text: string) => pictureType(Uint8Array.from(text, (letter) => letter.charCodeAt(0)));
  expect(begin("\x89PNG\r\n\x1a\n\0\0\0\r")).toBe("image/png");
  expect(begin("\xff\xd8\xff\xe0")).toBe("image/jpeg");
  expect(begin("GIF89a\x01")).toBe("image/gif");
  expect(begin("<svg onload=alert(1)>")).toBeNull();
  expect(begin("\x89PN")).toBeNull();
  expect(begin("")).toBeNull();
});
