import createClient, { type Middleware } from "openapi-fetch";
import { learnFrom } from "./clock";
import { parse, write } from "./exact";
import { AwayError, ProblemError } from "./problem";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

let csrf: string | null = null;
let whenSignedOut: () => void = () => {};

/** Say which token the session's writes carry (GET /v1/me tells it). */
export function carry(token: string | null): void {
  csrf = token;
}

/** Call `listener` whenever the service says that nobody is signed in. */
export function onSignedOut(listener: () => void): void {
  whenSignedOut = listener;
}

/** What every call of the service goes through: the session's token, refusals as errors. */
export async function call(input: Request | string, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init);
  if (csrf && request.method !== "GET" && request.method !== "HEAD") request.headers.set("Njangi-CSRF", csrf);
  let answer: Response;
  const sent = Date.now();
  try {
    answer = await fetch(request);
  } catch (error) {
    if (request.signal.aborted) throw error;
    throw new AwayError(error);
  }
  learnFrom(answer, sent);
  if (answer.ok) return answer;
  const body: unknown = await answer.json().catch(() => null);
  if (answer.status === 401 && !new URL(request.url).pathname.endsWith("/session")) whenSignedOut();
  throw new ProblemError(answer.status, body, answer.headers);
}

/** A POST that was lost on the way may be sent again without being done twice. */
const once: Middleware = {
  onRequest({ request }) {
    if (request.method === "POST" && !request.headers.has("Idempotency-Key")) {
      request.headers.set("Idempotency-Key", crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`);
    }
    return request;
  },
};

/** The answer, whose numbers are read as they are written. */
async function exactly(answer: Response): Promise<Response> {
  if (answer.status === 204 || !answer.headers.get("content-type")?.includes("json")) return answer;
  const text = await answer.text();
  const read = new Response(text, answer);
  read.headers.set("Content-Length", String(text.length)); // or the client reads it by itself
  return Object.assign(read, { json: async () => parse(text) });
}

/** Every call of docs/openapi.json, typed: `(await api.GET("/v1/runs", {params})).data`. Refusals throw. */
export const api = createClient<paths>({
  baseUrl: location.origin,
  fetch: async (request) => exactly(await call(request)),
  bodySerializer: (body) => write(body),
});
api.use(once);

/** The body of an answer that cannot be a refusal, since those throw. */
export async function data<Data>(answer: Promise<{ data?: Data }>): Promise<NonNullable<Data>> {
  return (await answer).data as NonNullable<Data>;
}
