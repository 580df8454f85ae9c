import { QueryClient } from "@tanstack/react-query";
import { AwayError, ProblemError } from "./problem";

const DAY = 24 * 60 * 60 * 1000;

/** Whether asking again may help: the service was away, busy or in trouble. */
export function worthAnotherTry(tried: number, error: unknown): boolean {
  if (tried >= 3) return false;
  return error instanceof AwayError || (error instanceof ProblemError && (error.status === 429 || error.status >= 500));
}

/** Data is kept a day, so that what was loaded can be read without a network; events say what to load anew. */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      gcTime: DAY,
      retry: worthAnotherTry,
      retryDelay: (tried, error) =>
        1000 * ((error instanceof ProblemError && error.retryAfter) || Math.min(2 ** tried, 15)),
      networkMode: "always",
      refetchOnWindowFocus: true,
    },
    mutations: { networkMode: "always", retry: false },
  },
});
