import { useCallback } from "react";
import { useSearchParams } from "wouter";

/**
 * What the address asks for, and how to ask for something else: an empty value leaves a parameter out. The browser's
 * way back leads to the page before, not to what was asked before.
 */
export function useAsked(): [URLSearchParams, (changes: Readonly<Record<string, string>>) => void] {
  const [asked, setAsked] = useSearchParams();
  const ask = useCallback(
    (changes: Readonly<Record<string, string>>) =>
      setAsked(
        (before) => {
          const next = new URLSearchParams(before);
          for (const [name, value] of Object.entries(changes)) {
            if (value) next.set(name, value);
            else next.delete(name);
          }
          return next;
        },
        { replace: true },
      ),
    [setAsked],
  );
  return [asked, ask];
}
