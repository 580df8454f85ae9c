import { useQuery } from "@tanstack/react-query";
import { ENDED, type Run, specQuery } from "../../api/runs";
import { type Wait, waitsOf } from "./waits";

export function useWaits(run: Run): Wait[] {
  const version = useQuery(specQuery(run));
  if (ENDED.has(run.status) || version.isPending) return [];
  return waitsOf(run, version.data?.spec ?? null);
}
