import { afterEach, expect, test, vi } from "vitest";
import { api, data } from "./client";
import { write } from "./exact";

vi.hoisted(() => vi.stubGlobal("location", { origin: "http://service" }));
afterEach(() => void vi.unstubAllGlobals());

const JSON_TYPE = { "Content-Type": "application/json" };

test("numbers of an answer and of a request keep all of their digits", async () => {
  const sent: string[] = [];
  const run = `{"parameters":{"modulus":170141183460469231731687303715884105727}}`;
  vi.stubGlobal("fetch", async (request: Request) => {
    sent.push(await request.text());
    return new Response(run, { headers: JSON_TYPE });
  });
  const found = await data(api.GET("/v1/runs/{run_id}", { params: { path: { run_id: "r1" } } }));
  expect(write(found)).toBe(run);
  await api.POST("/v1/runs/{run_id}:rerun", {
    params: { path: { run_id: "r1" } },
    body: { parameters: found.parameters },
  });
  expect(sent[1]).toBe(run);
});

test("an answer without a body is one, whatever type it names", async () => {
  vi.stubGlobal("fetch", async () => new Response(null, { status: 204, headers: JSON_TYPE }));
  const answer = await api.DELETE("/v1/schedules/{schedule_id}", { params: { path: { schedule_id: "s1" } } });
  expect(answer.response.status).toBe(204);
});
