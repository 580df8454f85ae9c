import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { Sha256, sha256Of } from "./sha256";

test.each([0, 1, 3, 55, 56, 63, 64, 65, 119, 120, 1000, 100_003])(
  "hashes %i bytes as others do, however they come",
  (length) => {
    const bytes = Uint8Array.from({ length }, (_, index) => (index * 31) % 251);
    const wanted = createHash("sha256").update(bytes).digest("hex");
    expect(new Sha256().add(bytes).hex()).toBe(wanted);
    const hash = new Sha256();
    for (let at = 0; at < length; at += 37) hash.add(bytes.subarray(at, at + 37));
    expect(hash.hex()).toBe(wanted);
  },
);

test("hashes files of several pieces", async () => {
  const bytes = new Uint8Array(1_300_000).fill(7);
  expect(await sha256Of(new Blob([bytes]))).toBe(createHash("sha256").update(bytes).digest("hex"));
});
