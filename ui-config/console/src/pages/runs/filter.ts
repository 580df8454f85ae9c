/** What the list of runs is asked for, as it stands in the address. */
import type { RunFilter, RunStatus } from "../../api/runs";

export const STATUSES: readonly RunStatus[] = [
  "CREATED",
  "VALIDATED",
  "SUBMITTED",
  "SPLITTING",
  "RUNNING",
  "PAUSED",
  "AGGREGATING",
  "COMPLETED",
  "FAILED",
  "CANCELLED",
];

/** How people think of the states: few groups that cover all. */
export const GROUPS = {
  going: ["CREATED", "VALIDATED", "SUBMITTED", "SPLITTING", "RUNNING", "AGGREGATING"],
  paused: ["PAUSED"],
  completed: ["COMPLETED"],
  failed: ["FAILED"],
  cancelled: ["CANCELLED"],
} as const satisfies Record<string, readonly RunStatus[]>;
export type Group = keyof typeof GROUPS;

const TEXTS = ["q", "owner", "tag", "workflow_id"] as const;
const DAYS = /^\d{4}-\d{2}-\d{2}$/;

/** Unknown fields and states are left out, so that an old address still leads somewhere. */
export function read(search: URLSearchParams): RunFilter {
  const filter: RunFilter = {};
  for (const name of TEXTS) {
    const text = search.get(name)?.trim();
    if (text) filter[name] = text.slice(0, 200);
  }
  const status = search
    .getAll("status")
    .flatMap((each) => each.split(","))
    .filter((each): each is RunStatus => STATUSES.includes(each as RunStatus));
  if (status.length > 0) filter.status = [...new Set(status)];
  const [since, until] = [search.get("since"), search.get("until")];
  if (since && DAYS.test(since)) filter.created_since = dayBegins(since, 0);
  if (until && DAYS.test(until)) filter.created_until = dayBegins(until, 1);
  return filter;
}

/** The beginning of a day where the reader is, `later` days on, as the service takes it. */
function dayBegins(day: string, later: number): string {
  const [year, month, date] = day.split("-").map(Number);
  return new Date(year!, month! - 1, date! + later).toISOString();
}

/** Whether these groups are what the filter says of states. */
export function groupsOf(filter: RunFilter): Set<Group> {
  const status = new Set(filter.status ?? []);
  return new Set((Object.keys(GROUPS) as Group[]).filter((group) => GROUPS[group].every((each) => status.has(each))));
}

/** The address's search with a field set, or taken away; a page of the list is forgotten. */
export function changed(search: URLSearchParams, field: string, value: string): URLSearchParams {
  const next = new URLSearchParams(search);
  if (value) next.set(field, value);
  else next.delete(field);
  return next;
}

/** As changed, with a group of states in or out. */
export function toggled(search: URLSearchParams, group: Group): URLSearchParams {
  const groups = groupsOf(read(search));
  if (!groups.delete(group)) groups.add(group);
  return changed(search, "status", [...groups].flatMap((each) => GROUPS[each]).join(","));
}

/** The same search whatever the order of its fields, without fields that are none of the list's. */
export function plain(search: URLSearchParams): string {
  const kept = new URLSearchParams();
  for (const name of ["q", "status", "owner", "tag", "workflow_id", "since", "until"]) {
    const value = search.get(name);
    if (value) kept.set(name, value);
  }
  return kept.toString();
}
