import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { sha256Of } from "./sha256";

test.each([0, 1, 1_300_000])("hashes a file of %i bytes as others do, piece by piece", async (length) => {
  const bytes = Uint8Array.from({ length }, (_, index) => (index * 31) % 251);
  expect(await sha256Of(new Blob([bytes]))).toBe(createHash("sha256").update(bytes).digest("hex"));
});

test("stops hashing a file that nobody wants any more", async () => {
  await expect(sha256Of(new Blob(["x"]), AbortSignal.abort())).rejects.toThrow();
});
