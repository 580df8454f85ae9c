/** One history of texts, with the files and places of each and what was selected: what undo and redo go through. */
import type { Places } from "../../graph/arrange";
import type { Attached } from "./drafts";

export interface Moment {
  text: string;
  selected: readonly string[];
  files: Readonly<Record<string, Attached>>;
  /** Empty as long as places are found by the layout. */
  places: Places;
}

export interface History {
  past: readonly Moment[];
  now: Moment;
  future: readonly Moment[];
  /** What the last change was of, and when (ms): what follows soon in the same place is the same change. */
  last: { what: string; at: number } | null;
}

const MOST = 300;
const SOON = 1500; // ms

export function begin(now: Omit<Moment, "selected">): History {
  return { past: [], now: { ...now, selected: [] }, future: [], last: null };
}

/** Go on with `next`. Quick changes of the same `what`, such as typing, are undone together; those of null are not. */
export function record(history: History, next: Moment, what: string | null, at: number): History {
  const { text, files, places } = history.now;
  if (next.text === text && next.files === files && next.places === places) return { ...history, now: next };
  const same = what !== null && history.last?.what === what && at - history.last.at < SOON;
  const past = same ? history.past : [...history.past, history.now].slice(-MOST);
  return { past, now: next, future: [], last: what === null ? null : { what, at } };
}

/** Change the files of every moment: what happened to them is not undone, such as that the service has one now. */
export function refile(history: History, change: (files: Moment["files"]) => Moment["files"]): History {
  const refiled = (moment: Moment) => ({ ...moment, files: change(moment.files) });
  return {
    ...history,
    past: history.past.map(refiled),
    now: refiled(history.now),
    future: history.future.map(refiled),
  };
}

export function select(history: History, selected: readonly string[]): History {
  return { ...history, now: { ...history.now, selected } };
}

export function undo(history: History): History {
  const before = history.past.at(-1);
  if (!before) return history;
  return { past: history.past.slice(0, -1), now: before, future: [history.now, ...history.future], last: null };
}

export function redo(history: History): History {
  const [after, ...future] = history.future;
  if (!after) return history;
  return { past: [...history.past, history.now], now: after, future, last: null };
}
