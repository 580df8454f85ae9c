import { useEffect } from "react";

/** Name the page in the browser's tab and history. */
export function useTitle(title: string | undefined): void {
  useEffect(() => {
    document.title = title ? `${title} · Njangi` : "Njangi";
    return () => {
      document.title = "Njangi";
    };
  }, [title]);
}
