import { useSyncExternalStore } from "react";
import { ago, moment } from "../text/format";

const BEAT = 5000;
let now = Date.now();
const watchers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  timer ??= setInterval(() => {
    if (document.hidden) return;
    now = Date.now();
    for (const each of watchers) each();
  }, BEAT);
  return () => {
    watchers.delete(watcher);
    if (watchers.size === 0) timer = void clearInterval(timer);
  };
}

/** The present in milliseconds, every five seconds anew while the page is visible. */
export function useNow(): number {
  return useSyncExternalStore(watch, () => now);
}

/** "3 minutes ago", with the exact time for who points at it. */
export function Ago({ at }: { at: string }) {
  return <time dateTime={at} title={moment(at)}>{ago(at, Math.max(useNow(), Date.now() - BEAT))}</time>;
}
