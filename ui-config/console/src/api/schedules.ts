import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, data, type Schemas } from "./client";
import { queries } from "./queries";

export type Schedule = Schemas["ScheduleView"];
export type Rule = Schemas["RuleBody"];
export type NewSchedule = Schemas["NewSchedule"];
export type Overlap = Schemas["Overlap"];

export interface ScheduleFilter {
  workflow_id?: string;
  paused?: boolean;
}

export const schedulesQuery = (filter: ScheduleFilter) =>
  infiniteQueryOptions({
    queryKey: ["schedules", "list", filter],
    queryFn: ({ pageParam, signal }) =>
      data(
        api.GET("/v1/schedules", { params: { query: { ...filter, page_size: 50, page_token: pageParam } }, signal }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_page_token,
  });

/** One schedule with its next times and its runs that go on. */
export const scheduleQuery = (id: string) =>
  queryOptions({
    queryKey: ["schedules", "one", id],
    queryFn: ({ signal }) =>
      data(
        api.GET("/v1/schedules/{schedule_id}", { params: { path: { schedule_id: id }, query: { next: 5 } }, signal }),
      ),
    refetchInterval: 60_000,
  });

const changed = () => queries.invalidateQueries({ queryKey: ["schedules"] });
const at = (id: string) => ({ path: { schedule_id: id } });

export async function createSchedule(body: NewSchedule): Promise<Schedule> {
  const made = await data(api.POST("/v1/schedules", { body }));
  await changed();
  return made;
}

export async function editSchedule(id: string, body: Rule) {
  await api.PUT("/v1/schedules/{schedule_id}", { params: at(id), body });
  await changed();
}

export async function deleteSchedule(id: string) {
  await api.DELETE("/v1/schedules/{schedule_id}", { params: at(id) });
  await changed();
}

export async function pauseSchedule(id: string) {
  await api.POST("/v1/schedules/{schedule_id}:pause", { params: at(id) });
  await changed();
}

export async function resumeSchedule(id: string) {
  await api.POST("/v1/schedules/{schedule_id}:resume", { params: at(id) });
  await changed();
}

/** Start a run now; what became of it is the answer. */
export async function triggerSchedule(id: string): Promise<Schemas["Triggered"]> {
  const triggered = await data(api.POST("/v1/schedules/{schedule_id}:trigger", { params: at(id), body: {} }));
  await changed();
  return triggered;
}

/** A run for each time of a range that has passed: the beginning counts, the end does not. */
export async function backfillSchedule(id: string, body: Schemas["BackfillBody"]) {
  await api.POST("/v1/schedules/{schedule_id}:backfill", { params: at(id), body });
  await changed();
}
