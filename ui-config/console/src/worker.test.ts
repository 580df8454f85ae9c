import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const SOURCE = readFileSync(new URL("../public/worker.js", import.meta.url), "utf8");
const OURS = { "X-Request-ID": "r1" };

/** The worker in a browser of its own, where `answer` is what the network gives, or null where there is none. */
function worker() {
  const listeners = new Map<string, (event: unknown) => void>();
  const kept = new Map<string, Map<string, Response>>();
  const network = { answer: null as Response | null };
  const open = async (name: string) => {
    const cache = kept.get(name) ?? new Map<string, Response>();
    kept.set(name, cache);
    return {
      match: async (request: string | { url: string }) =>
        cache.get(typeof request === "string" ? request : request.url)?.clone(),
      put: async (request: string | { url: string }, answer: Response) =>
        void cache.set(typeof request === "string" ? request : request.url, answer),
      keys: async () => [...cache.keys()],
      delete: async (name: string) => cache.delete(name),
    };
  };
  const fetch = async () => {
    if (network.answer === null) throw new TypeError("no network");
    return network.answer.clone();
  };
  const self = {
    addEventListener: (type: string, listener: (event: unknown) => void) => listeners.set(type, listener),
    location: { origin: "http://service" },
  };
  new Function("self", "caches", "fetch", SOURCE)(self, { open }, fetch);
  const ask = async (path: string, mode: string, answer: Response | null): Promise<string> => {
    network.answer = answer;
    let given: Promise<Response> | undefined;
    const request = { url: `http://service${path}`, method: "GET", mode };
    listeners.get("fetch")!({ request, respondWith: (answer: Promise<Response>) => (given = answer) });
    return (await given!).text();
  };
  return { ask };
}

const SCRIPT = { ...OURS, "Content-Type": "text/javascript" };
const PAGE = { ...OURS, "Content-Type": "text/html; charset=utf-8" };
const SIGN_IN = { "Content-Type": "text/html" };

test("files of the console are kept for good, and its page for when there is no network", async () => {
  const { ask } = worker();
  await ask("/assets/run-1.js", "cors", new Response("run", { headers: SCRIPT }));
  expect(await ask("/assets/run-1.js", "cors", null)).toBe("run");
  await ask("/runs", "navigate", new Response("page", { headers: PAGE }));
  expect(await ask("/runs/r1", "navigate", null)).toBe("page");
});

test("what a network's sign-in page answers is never kept", async () => {
  const { ask } = worker();
  await ask("/runs", "navigate", new Response("page", { headers: PAGE }));
  await ask("/assets/run-1.js", "cors", new Response("sign in", { headers: SIGN_IN }));
  await ask("/runs", "navigate", new Response("sign in", { headers: SIGN_IN }));
  expect(await ask("/assets/run-1.js", "cors", new Response("run", { headers: SCRIPT }))).toBe("run");
  expect(await ask("/runs", "navigate", null)).toBe("page");
});

test("a page of the documentation is never kept as the console's page", () => {
  const { ask } = worker();
  return expect(ask("/docs/index.html", "navigate", new Response("docs", { headers: PAGE }))).rejects.toThrow();
});
