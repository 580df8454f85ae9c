import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { write } from "../api/exact";
import { Stream, type Told } from "./stream";

vi.hoisted(() => vi.stubGlobal("location", { origin: "http://service" }));

const MINUTE = 60_000;

/** A service that streams: what it was asked, and what ends or goes on with the stream under way. */
const service = {
  asked: [] as (string | null)[],
  say: (() => {}) as (text: string) => void,
  cut: () => {},
  online: () => {},
  offline: () => {},
};

beforeEach(() => {
  vi.useFakeTimers();
  service.asked = [];
  vi.stubGlobal("document", { hidden: false, addEventListener() {}, removeEventListener() {} });
  vi.stubGlobal("addEventListener", (change: string, listener: () => void) => (service[change as "online"] = listener));
  vi.stubGlobal("removeEventListener", () => {});
  vi.stubGlobal(
    "Request",
    class extends Request {
      constructor(input: string, init?: RequestInit) {
        super(new URL(input, "http://service"), init);
      }
    },
  );
  vi.stubGlobal("fetch", async (request: Request) => {
    service.asked.push(request.headers.get("last-event-id"));
    return new Response(
      new ReadableStream({
        start(out) {
          service.say = (text) => out.enqueue(new TextEncoder().encode(text));
          service.cut = () => out.error(new Error("cut"));
          request.signal.addEventListener("abort", service.cut);
        },
      }),
    );
  });
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

function followed(known: { seq: number; at: number } | null) {
  const stream = new Stream(known);
  const told: Told[] = [];
  stream.listen((bundle) => told.push(...bundle));
  return { stream, told, end: stream.follow() };
}

const heard = () => vi.advanceTimersByTimeAsync(300);
const again = () => vi.advanceTimersByTimeAsync(2000);

test("the stream starts after the known number, so it reports events since the page's first request", async () => {
  const { told, end } = followed({ seq: 41, at: Date.now() - 3000 });
  await heard();
  service.say('id: 42\nevent: run.completed\ndata: {"seq":42,"run_id":"r1"}\n\n');
  await heard();
  expect(service.asked).toEqual(["41"]);
  expect(told).toEqual([{ seq: 42, type: "run.completed", run_id: "r1" }]);
  end();
});

test("where the number is too old, or not known, all is asked for anew once the stream has begun", async () => {
  for (const known of [null, { seq: 41, at: Date.now() - 10 * MINUTE }]) {
    service.asked = [];
    const { told, end } = followed(known);
    await heard();
    expect(told).toEqual([]);
    service.say("id: 90\n: still here\n\n");
    await heard();
    expect(service.asked).toEqual([null]);
    expect(told).toEqual([{ seq: 90, type: "resync" }]);
    end();
  }
});

test("a stream that is cut before anything happened goes on where it began", async () => {
  const { told, end } = followed(null);
  await heard();
  service.say("id: 90\n: still here\n\n");
  await heard();
  service.cut();
  await again();
  service.say('id: 91\nevent: run.completed\ndata: {"seq":91}\n\n');
  await heard();
  expect(service.asked).toEqual([null, "90"]);
  expect(told.map(({ type }) => type)).toEqual(["resync", "run.completed"]);
  end();
});

test("numbers of what is told keep all of their digits", async () => {
  const { told, end } = followed({ seq: 1, at: Date.now() });
  await heard();
  service.say(
    'id: 2\nevent: run.completed\ndata: {"seq":2,"run_id":"r1","largest":170141183460469231731687303715884105727}\n\n',
  );
  await heard();
  expect(write(told[0]?.largest)).toBe("170141183460469231731687303715884105727");
  end();
});

test("a network that is gone is known at once, and one that is back is used at once", async () => {
  const { stream, end } = followed({ seq: 41, at: Date.now() });
  await heard();
  service.say("id: 41\n: still here\n\n");
  await heard();
  expect(stream.link.up).toBe(true);
  const answering = fetch;
  vi.stubGlobal("fetch", async () => Promise.reject(new TypeError("no network")));
  service.offline();
  await heard();
  expect(stream.link.up).toBe(false);
  await vi.advanceTimersByTimeAsync(MINUTE); // waits longer and longer between tries
  vi.stubGlobal("fetch", answering);
  service.online();
  await heard();
  expect(stream.link.up).toBe(true);
  expect(service.asked).toEqual(["41", "41"]);
  end();
});
