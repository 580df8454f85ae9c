import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, data, type Schemas } from "./client";
import { serviceNow } from "./clock";
import { queries } from "./queries";

export type Volunteer = Schemas["ListedVolunteer"];
export type Machine = Schemas["Machine"];

export type OneVolunteer = Schemas["OneVolunteerView"];
export type Throughput = Schemas["ThroughputView"];

export type VolunteerSort = "last_seen" | "-last_seen" | "name" | "-name";

export interface VolunteerFilter {
  name?: string;
  /** Heard of within so many hours. */
  hours?: number;
  sort?: VolunteerSort;
}

const REFRESH = 15_000; // ms; events tell of machines that come and go, not of what they do

export const volunteersQuery = ({ name, hours, sort }: VolunteerFilter = {}) =>
  infiniteQueryOptions({
    queryKey: ["volunteers", "list", { name, hours, sort }],
    queryFn: ({ pageParam, signal }) =>
      data(
        api.GET("/v1/volunteers", {
          params: {
            query: {
              name: name || undefined,
              sort,
              seen_since: hours ? new Date(serviceNow() - hours * 3_600_000).toISOString() : undefined,
              page_size: 100,
              page_token: pageParam,
            },
          },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_page_token,
    refetchInterval: REFRESH,
  });

export const volunteerQuery = (id: string) =>
  queryOptions({
    queryKey: ["volunteers", "one", id],
    queryFn: ({ signal }) =>
      data(api.GET("/v1/volunteers/{volunteer_id}", { params: { path: { volunteer_id: id } }, signal })),
    refetchInterval: REFRESH,
  });

export const throughputQuery = (hours: number) =>
  queryOptions({
    queryKey: ["volunteers", "throughput", hours],
    queryFn: ({ signal }) => data(api.GET("/v1/volunteers:throughput", { params: { query: { hours } }, signal })),
    refetchInterval: 60_000,
  });

const changed = () => queries.invalidateQueries({ queryKey: ["volunteers"] });

/** Lend the machine nothing more and call back what it holds, until it is resumed. */
export async function suspend(id: string, note: string) {
  await api.POST("/v1/volunteers/{volunteer_id}:suspend", { params: { path: { volunteer_id: id } }, body: { note } });
  await changed();
}

export async function resume(id: string) {
  await api.POST("/v1/volunteers/{volunteer_id}:resume", { params: { path: { volunteer_id: id } } });
  await changed();
}

/** Part with the machine for good. */
export async function retire(id: string, note: string) {
  await api.POST("/v1/volunteers/{volunteer_id}:retire", { params: { path: { volunteer_id: id } }, body: { note } });
  await changed();
}
