import type { Query } from "@tanstack/react-query";
import type { Link } from "./stream";

/** What may be asked of an answer that is in view. */
export type Answer = Pick<Query, "queryHash"> & {
  state: Pick<Query["state"], "data" | "dataUpdatedAt" | "isInvalidated">;
};

const LONG = 5000; // ms; answers come sooner, mostly

/**
 * Tells how old what is in view is, where it is not as it is now: an answer is in doubt while it is known to be old, as
 * one that was kept in the browser or that an event has changed is until it has come anew, and while nothing is heard.
 */
export class Doubts {
  private readonly since = new Map<string, { updated: number; at: number }>();

  /** Return when the oldest answer was so that has been in doubt for long, in ms; null where there is none. */
  look(answers: readonly Answer[], link: Link, now: number, patience = LONG): number | null {
    const seen = new Set<string>();
    let oldest: number | null = null;
    for (const { queryHash, state } of answers) {
      if (state.data === undefined || (link.up && !state.isInvalidated)) continue;
      seen.add(queryHash);
      const updated = state.dataUpdatedAt;
      let doubt = this.since.get(queryHash);
      if (doubt?.updated !== updated) this.since.set(queryHash, (doubt = { updated, at: now }));
      if (now - doubt.at < patience) continue;
      const known = state.isInvalidated ? updated : Math.max(updated, link.heard);
      oldest = Math.min(oldest ?? Infinity, known);
    }
    for (const hash of this.since.keys()) if (!seen.has(hash)) this.since.delete(hash);
    return oldest;
  }
}
