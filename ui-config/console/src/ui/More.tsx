import type { UseInfiniteQueryResult } from "@tanstack/react-query";
import { t } from "../text/text";

type Paged = Pick<UseInfiniteQueryResult, "hasNextPage" | "isFetchingNextPage" | "fetchNextPage">;

/** Below a list of which there is more. */
export function More({ of }: { of: Paged }) {
  if (!of.hasNextPage) return null;
  return (
    <div className="row more">
      <button type="button" disabled={of.isFetchingNextPage} onClick={() => void of.fetchNextPage()}>
        {of.isFetchingNextPage ? t("ui.loading") : t("ui.more")}
      </button>
    </div>
  );
}
