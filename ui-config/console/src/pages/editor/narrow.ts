import { useSyncExternalStore } from "react";

const NARROW = "(max-width: 48rem)";

/** Whether the screen is as small as a phone's. */
export function useNarrow(): boolean {
  return useSyncExternalStore(
    (changed) => {
      const query = matchMedia(NARROW);
      query.addEventListener("change", changed);
      return () => query.removeEventListener("change", changed);
    },
    () => matchMedia(NARROW).matches,
  );
}
