import { useQuery } from "@tanstack/react-query";
import { volunteerNamesQuery } from "../../api/runs";

/** What a volunteer is called; its id until that is known, and where it is gone. */
export function useVolunteerName(id: string): string {
  return useVolunteerNames().get(id) ?? id;
}

export function useVolunteerNames(): ReadonlyMap<string, string> {
  return useQuery(volunteerNamesQuery).data ?? NONE;
}

const NONE: ReadonlyMap<string, string> = new Map();
