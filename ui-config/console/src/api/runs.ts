import { keepPreviousData, queryOptions, useMutation } from "@tanstack/react-query";
import { api, call, data, type Schemas } from "./client";
import { parse } from "./exact";
import { ProblemError } from "./problem";
import { queries } from "./queries";

export type Run = Schemas["RunView"];
export type RunTask = Schemas["TaskView"];
export type RunStatus = Schemas["RunStatus"];
export type Subtask = Schemas["SubtaskView"];
export type Attempt = Schemas["AttemptView"];
export type RunFilter = Schemas["RunFilter"];

/** Keys of a run's own answers begin with ["runs", id]: each event of the run marks them as old, and no others. */
const keys = {
  lists: ["runs", "list"] as const,
  run: (id: string) => ["runs", id] as const,
};

export const ENDED: ReadonlySet<RunStatus> = new Set(["COMPLETED", "FAILED", "CANCELLED"]);

const REFRESH = 15_000; // ms; no event tells that a run is not further, and that its end is later for that

/** A page of runs, newest first. Lists come without tasks, but tell the progress of what is under way. */
export function runsQuery(
  filter: RunFilter = {},
  { pageToken, pageSize = 50 }: { pageToken?: string; pageSize?: number } = {},
) {
  return queryOptions({
    queryKey: [...keys.lists, filter, pageSize, pageToken ?? null] as const,
    queryFn: ({ signal }) =>
      data(
        api.GET("/v1/runs", { params: { query: { ...filter, page_size: pageSize, page_token: pageToken } }, signal }),
      ),
    placeholderData: keepPreviousData,
  });
}

export function runQuery(id: string) {
  return queryOptions({
    queryKey: keys.run(id),
    queryFn: ({ signal }) => data(api.GET("/v1/runs/{run_id}", { params: { path: { run_id: id } }, signal })),
    refetchInterval: ({ state }) => (state.data && ENDED.has(state.data.status) ? false : REFRESH),
  });
}

/** The version that the run was started with. An engineer's flow has none: 404. */
export function specQuery(run: Pick<Run, "workflow_id" | "version">) {
  return queryOptions({
    queryKey: ["workflows", run.workflow_id, "versions", run.version] as const,
    queryFn: async ({ signal }) => {
      const path = { workflow_id: run.workflow_id, version: run.version };
      return data(api.GET("/v1/workflows/{workflow_id}/versions/{version}", { params: { path }, signal }));
    },
    retry: false,
    staleTime: "static", // a version never changes
  });
}

export interface SubtaskPlace {
  task: string;
  index: number;
}

export function subtasksQuery(id: string, task: string, status?: Schemas["SubtaskStatus"], pageToken?: string) {
  return queryOptions({
    queryKey: [...keys.run(id), "subtasks", task, status ?? null, pageToken ?? null] as const,
    queryFn: ({ signal }) =>
      data(
        api.GET("/v1/runs/{run_id}/subtasks", {
          params: { path: { run_id: id }, query: { task, status, page_size: 50, page_token: pageToken } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  });
}

export function subtaskQuery(id: string, { task, index }: SubtaskPlace) {
  return queryOptions({
    queryKey: [...keys.run(id), "subtask", task, index] as const,
    queryFn: ({ signal }) =>
      data(
        api.GET("/v1/runs/{run_id}/subtasks/{task}/{index}", { params: { path: { run_id: id, task, index } }, signal }),
      ),
  });
}

/** The names of the workflows that one may see, by their ids: the newest 100. */
export const workflowNamesQuery = queryOptions({
  queryKey: ["workflows", "names"] as const,
  queryFn: async ({ signal }) =>
    (await data(api.GET("/v1/workflows", { params: { query: { page_size: 100 } }, signal }))).workflows,
  select: (workflows) => new Map(workflows.map(({ id, name }) => [id, name])),
  staleTime: 60_000,
});

/** The names of volunteers by their ids: the 500 seen last. */
export const volunteerNamesQuery = queryOptions({
  queryKey: ["volunteers", "names"] as const,
  queryFn: async ({ signal }) =>
    (await data(api.GET("/v1/volunteers", { params: { query: { page_size: 500 } }, signal }))).volunteers,
  select: namesOf,
  staleTime: 60_000,
});

function namesOf(volunteers: readonly Schemas["Volunteer"][]): ReadonlyMap<string, string> {
  return new Map(volunteers.map(({ id, name }) => [id, name]));
}

/** The cells of all subtasks; its reader keeps them up to date by events, so no event makes it old. */
export function gridQuery(id: string) {
  return queryOptions({
    queryKey: ["grids", id] as const,
    queryFn: async ({ signal }) => (await call(`/v1/runs/${encodeURIComponent(id)}/grid`, { signal })).arrayBuffer(),
    staleTime: 0,
    gcTime: 0,
    meta: { kept: false },
  });
}

export interface LogFilter {
  task: string;
  text: string;
}

export async function logsPage(id: string, filter: LogFilter, after: number, signal?: AbortSignal) {
  const query = { task: filter.task, text: filter.text, after, limit: 100 };
  return data(api.GET("/v1/runs/{run_id}/logs", { params: { path: { run_id: id }, query }, signal }));
}

export type Log = Schemas["LogView"];

async function fetched<Answer>(address: string, signal?: AbortSignal): Promise<Answer> {
  return parse(await (await call(address, { signal, headers: { Accept: "application/json" } })).text()) as Answer;
}

/** Why a run, or one task of it, is not further: `kind` is translated, `detail` stands in where it is not known. */
export type Reason = Omit<Schemas["ReasonView"], "kind"> & { kind: string };

export function waitingQuery(id: string) {
  return queryOptions({
    queryKey: [...keys.run(id), "waiting"] as const,
    queryFn: ({ signal }) => data(api.GET("/v1/runs/{run_id}/waiting", { params: { path: { run_id: id } }, signal })),
    refetchInterval: 10_000,
  });
}

export type ErrorGroup = Schemas["ErrorGroup"];

export function errorsQuery(id: string) {
  return queryOptions({
    queryKey: [...keys.run(id), "errors"] as const,
    queryFn: ({ signal }) => data(api.GET("/v1/runs/{run_id}/errors", { params: { path: { run_id: id } }, signal })),
  });
}

/** Who ran what when: a span is [volunteer's place, task's place, index, start, end or null, outcome], times in ms. */
export type Timeline = Omit<Schemas["TimelineView"], "spans"> & {
  spans: [number, number, number, number, number | null, string][];
};

/** The newest attempts, or the newest that began before `until` (ms): the service tells at most 5,000 at once. */
export function timelineQuery(id: string, until?: number) {
  const query = until === undefined ? {} : { until: new Date(until).toISOString() };
  return queryOptions({
    queryKey: ["timelines", id, until ?? null] as const,
    queryFn: async ({ signal }) =>
      (await data(
        api.GET("/v1/runs/{run_id}/timeline", { params: { path: { run_id: id }, query }, signal }),
      )) as Timeline,
    meta: { kept: false },
    placeholderData: keepPreviousData,
    staleTime: 2000,
  });
}

/** Where a task's result is, or that of one of its subtasks. */
export function resultsAddress(id: string, task: string, index?: number): string {
  const part = index === undefined ? "" : `/${index}`;
  return `/v1/runs/${encodeURIComponent(id)}/results/${encodeURIComponent(task)}${part}`;
}

export function archiveAddress(id: string, format: "zip" | "tar"): string {
  return `/v1/runs/${encodeURIComponent(id)}/archive?format=${format}`;
}

export function historyAddress(id: string): string {
  return `/v1/runs/${encodeURIComponent(id)}/history`;
}

export const LARGE = 1_000_000; // bytes; above this a result is shown only in part
const PREVIEW = 64 * 1024;

const BYTES = "application/octet-stream";

/** A result as JSON text, or that it is bytes. `whole` is false if only the beginning was fetched. `size` in bytes. */
export type Result = { is: "json"; text: string; size: number; whole: boolean } | { is: "bytes"; size: number };

/** What a task, or one of its subtasks, came to: its media type says whether that is JSON. */
export function resultQuery(id: string, task: string, index?: number) {
  return queryOptions({
    queryKey: ["results", id, task, index ?? null] as const,
    queryFn: async ({ signal }): Promise<Result> => {
      const address = resultsAddress(id, task, index);
      const first = await beginning(address, PREVIEW, signal);
      if (!first) return { is: "bytes", size: 0 };
      const { size, bytes } = first;
      if (first.type.startsWith(BYTES)) return { is: "bytes", size };
      if (size <= bytes.byteLength) return { is: "json", text: new TextDecoder().decode(bytes), size, whole: true };
      if (!(size <= LARGE)) return { is: "json", text: new TextDecoder().decode(bytes), size, whole: false };
      return { is: "json", text: await (await call(address, { signal })).text(), size, whole: true };
    },
  });
}

/** The beginning of a stored result and its size, or null if it is empty, which only bytes can be. */
async function beginning(address: string, most: number, signal?: AbortSignal) {
  try {
    const answer = await call(address, { signal, headers: { Range: `bytes=0-${most - 1}` } });
    const bytes = await answer.arrayBuffer();
    const size = answer.status === 206 ? Number(answer.headers.get("content-range")?.split("/")[1]) : bytes.byteLength;
    return { bytes, size, type: answer.headers.get("content-type") ?? "" };
  } catch (error) {
    if (error instanceof ProblemError && error.status === 416) return null;
    throw error;
  }
}

const BEGIN = 16; // bytes that tell what a file is

/** All bytes of a result, if they begin as `wanted` has it; else null. */
export function bytesQuery(address: string, wanted: (begin: Uint8Array) => boolean) {
  return queryOptions({
    queryKey: ["result-bytes", address] as const,
    queryFn: async ({ signal }) => {
      const first = await beginning(address, BEGIN, signal);
      if (!first || !wanted(new Uint8Array(first.bytes))) return null;
      return new Uint8Array(await (await call(address, { signal })).arrayBuffer());
    },
    meta: { kept: false },
    gcTime: 60_000,
  });
}

export interface RunEvent {
  seq: number;
  type: string;
  at: string;
  [more: string]: unknown;
}

export interface EventsAsked {
  types?: readonly string[];
  after: number;
  limit: number;
}

/** A page of the run's events numbered above `after`, in order, possibly none yet. Pass `next` as the next `after`. */
export async function eventsPage(
  id: string,
  asked: EventsAsked,
  signal?: AbortSignal,
): Promise<{ events: RunEvent[]; next: number }> {
  const query = new URLSearchParams({ run_id: id, after: String(asked.after), limit: String(asked.limit) });
  for (const type of asked.types ?? []) query.append("types", type);
  return fetched(`/v1/events?${query}`, signal);
}

/** When a task began and ended, by its events; asked anew when its status is another one. */
export function taskTimesQuery(id: string, task: string, status: Schemas["TaskStatus"]) {
  return queryOptions({
    queryKey: ["task-times", id, task, status] as const,
    queryFn: async ({ signal }) => {
      const { events } = await eventsPage(id, { types: ["task.*"], after: 0, limit: 1000 }, signal);
      const own = events.filter(
        (event) => event.task === task || (event.tasks as string[] | undefined)?.includes(task),
      );
      const last = (types: readonly string[]) => own.findLast(({ type }) => types.includes(type))?.at ?? null;
      const over = status === "COMPLETED" || status === "FAILED" || status === "CANCELLED";
      return { started: last(["task.running"]), ended: over ? last([`task.${status.toLowerCase()}`]) : null };
    },
    staleTime: Infinity,
  });
}

export function comparisonQuery(a: string, b: string) {
  return queryOptions({
    queryKey: ["comparisons", a, b] as const,
    queryFn: ({ signal }) => data(api.GET("/v1/runs:compare", { params: { query: { a, b } }, signal })),
  });
}

/** A control of one run. What it answers is the run as it is now. */
export type Control =
  | { verb: "pause"; call_back: boolean }
  | { verb: "resume" }
  | { verb: "cancel" }
  | { verb: "retry-failed"; error_group?: string }
  | { verb: "reset"; task: string }
  | { verb: "pause-task"; task: string; call_back: boolean }
  | { verb: "resume-task"; task: string };

export async function control(id: string, control: Control): Promise<Run> {
  const path = { run_id: id };
  switch (control.verb) {
    case "pause":
      return data(api.POST("/v1/runs/{run_id}:pause", { params: { path }, body: { call_back: control.call_back } }));
    case "resume":
      return data(api.POST("/v1/runs/{run_id}:resume", { params: { path } }));
    case "cancel":
      return data(api.POST("/v1/runs/{run_id}:cancel", { params: { path } }));
    case "retry-failed":
      return data(
        api.POST("/v1/runs/{run_id}:retry-failed", {
          params: { path },
          body: { tasks: [], error_group: control.error_group },
        }),
      );
    case "reset":
      return data(api.POST("/v1/runs/{run_id}:reset", { params: { path }, body: { task: control.task } }));
    case "pause-task":
      return data(
        api.POST("/v1/runs/{run_id}/tasks/{task}:pause", {
          params: { path: { ...path, task: control.task } },
          body: { call_back: control.call_back },
        }),
      );
    case "resume-task":
      return data(
        api.POST("/v1/runs/{run_id}/tasks/{task}:resume", { params: { path: { ...path, task: control.task } } }),
      );
  }
}

/** Control one run; the page shows what the service answered at once. */
export function useControl(id: string) {
  return useMutation({
    mutationFn: (what: Control) => control(id, what),
    onSuccess: (run) => {
      queries.setQueryData(runQuery(id).queryKey, run);
      void queries.invalidateQueries({ queryKey: keys.lists });
    },
  });
}

export function useRerun(id: string) {
  return useMutation({
    mutationFn: (parameters: Record<string, unknown>) =>
      data(api.POST("/v1/runs/{run_id}:rerun", { params: { path: { run_id: id } }, body: { parameters } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: keys.lists }),
  });
}

export function useSignal(id: string) {
  return useMutation({
    mutationFn: (body: { name: string; payload: unknown }) =>
      data(api.POST("/v1/runs/{run_id}/signals", { params: { path: { run_id: id } }, body })),
    onSuccess: () => queries.invalidateQueries({ queryKey: keys.run(id) }),
  });
}

export type BulkVerb = "pause" | "resume" | "cancel" | "retry-failed" | "rerun";

/** Control all runs that the filter selects and that the control fits; with `dryRun` only count them. */
export async function controlMany(verb: BulkVerb, filter: RunFilter, dryRun: boolean) {
  const body = { filter, dry_run: dryRun };
  switch (verb) {
    case "pause":
      return data(api.POST("/v1/runs:pause", { body: { ...body, call_back: false } }));
    case "resume":
      return data(api.POST("/v1/runs:resume", { body }));
    case "cancel":
      return data(api.POST("/v1/runs:cancel", { body }));
    case "retry-failed":
      return data(api.POST("/v1/runs:retry-failed", { body: { ...body, tasks: [] } }));
    case "rerun":
      return data(api.POST("/v1/runs:rerun", { body: { ...body, parameters: {} } }));
  }
}

/** The same control of one run, for runs that were chosen one by one. */
export async function controlOne(verb: BulkVerb, id: string): Promise<unknown> {
  if (verb === "rerun")
    return data(api.POST("/v1/runs/{run_id}:rerun", { params: { path: { run_id: id } }, body: { parameters: {} } }));
  return control(id, verb === "pause" ? { verb, call_back: false } : { verb });
}

/** Whether a control does anything to a run in that state, as the service decides it (api/routers/runs/bulk.py). */
export function fits(verb: BulkVerb, status: RunStatus): boolean {
  switch (verb) {
    case "pause":
    case "cancel":
      return !ENDED.has(status);
    case "resume":
      return status === "PAUSED";
    case "retry-failed":
      return status === "FAILED" || status === "CANCELLED";
    case "rerun":
      return true;
  }
}

/** Lists and runs are to be looked at anew, after many were controlled at once. */
export function forgetRuns(): Promise<void> {
  return queries.invalidateQueries({ queryKey: ["runs"] });
}
