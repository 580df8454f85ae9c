import { afterEach, expect, test, vi } from "vitest";
import { upload } from "./uploads";

vi.hoisted(() => {
  (globalThis as { location?: unknown }).location = { origin: "http://service" };
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** A service that keeps uploads by hash, and breaks the line when `breaks` says so. */
function aService(breaks: (calls: number) => boolean = () => false) {
  let kept: Uint8Array = new Uint8Array();
  let calls = 0;
  let length = 0;
  const told = () => ({
    Location: "/v1/uploads/u1",
    "Upload-Offset": String(kept.length),
    ...(kept.length === length ? { "Njangi-Sha256": "aa" } : {}),
  });
  const fetched = async (request: Request) => {
    calls++;
    if (request.method === "POST") {
      length = Number(request.headers.get("Upload-Length"));
      if (breaks(calls)) throw new TypeError("the line broke");
      return new Response(null, { status: 201, headers: told() });
    }
    if (Number(request.headers.get("Upload-Offset")) !== kept.length) return new Response("{}", { status: 409 });
    kept = Buffer.concat([kept, new Uint8Array(await request.arrayBuffer())]);
    if (breaks(calls)) throw new TypeError("the line broke");
    return new Response(null, { status: 204, headers: told() });
  };
  vi.stubGlobal("fetch", fetched);
  vi.stubGlobal(
    "Request",
    class extends Request {
      constructor(input: RequestInfo | URL, init?: RequestInit) {
        super(typeof input === "string" ? new URL(input, "http://service/") : input, init);
      }
    },
  );
  vi.stubGlobal("addEventListener", () => {});
  vi.stubGlobal("removeEventListener", () => {});
  return { kept: () => kept, calls: () => calls };
}

test("sends a file in pieces and tells how far it is", async () => {
  const service = aService();
  const far: number[] = [];
  await upload(new Blob([new Uint8Array(3_000_000).fill(1)]), "aa", { onProgress: (sent) => far.push(sent) });
  expect(service.kept().length).toBe(3_000_000);
  expect(far).toEqual([0, 1048576, 2097152, 3_000_000]);
});

test("goes on where the line broke, though an answer was lost", async () => {
  vi.useFakeTimers();
  const service = aService((calls) => calls === 2 || calls === 3);
  const done = upload(new Blob([new Uint8Array(2_000_000).fill(2)]), "aa");
  await vi.runAllTimersAsync();
  await done;
  expect(service.kept().length).toBe(2_000_000);
});

test("an empty file is a file", async () => {
  aService();
  await upload(new Blob([]), "aa");
});

test("stops when it is told to", async () => {
  vi.useFakeTimers();
  aService(() => true);
  const stop = new AbortController();
  const done = upload(new Blob(["x"]), "aa", { signal: stop.signal });
  const ended = expect(done).rejects.toThrow("enough");
  await vi.advanceTimersByTimeAsync(100);
  stop.abort(new Error("enough"));
  await ended;
});
