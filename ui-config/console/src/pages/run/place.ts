import type { SubtaskPlace } from "../../api/runs";
import { useAsked } from "../../ui/useAsked";

const PARAMETER = "subtask";

/** The address of a subtask within the run's page: which tab it opens over, and which it is. */
export function subtaskAddress(runId: string, { task, index }: SubtaskPlace, tab = "grid"): string {
  return `/runs/${runId}/${tab}?${PARAMETER}=${encodeURIComponent(task)}/${index}`;
}

export function placeOf(text: string | null): SubtaskPlace | null {
  const cut = text?.lastIndexOf("/") ?? -1;
  const index = Number(text?.slice(cut + 1));
  return text && cut > 0 && Number.isInteger(index) && index >= 0 ? { task: text.slice(0, cut), index } : null;
}

/** The subtask whose story is open over the page, and how to open another one. */
export function useSubtaskPlace(): [SubtaskPlace | null, (place: SubtaskPlace | null) => void] {
  const [search, ask] = useAsked();
  return [placeOf(search.get(PARAMETER)), (place) => ask({ [PARAMETER]: place ? `${place.task}/${place.index}` : "" })];
}
