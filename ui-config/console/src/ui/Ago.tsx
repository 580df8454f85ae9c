import { useSyncExternalStore } from "react";
import { serviceNow } from "../api/clock";
import { ago, moment, since } from "../text/format";

const BEAT = 5000;
let now = serviceNow();
const watchers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  if (timer === undefined) {
    now = serviceNow();
    timer = setInterval(() => {
      if (document.hidden) return;
      now = serviceNow();
      for (const each of watchers) each();
    }, BEAT);
  }
  return () => {
    watchers.delete(watcher);
    if (watchers.size === 0) timer = void clearInterval(timer);
  };
}

/** The present by the service's clock in milliseconds, every five seconds anew while the page is visible. */
export function useNow(): number {
  return useSyncExternalStore(watch, () => now);
}

/** "3 minutes ago", with the exact time for who points at it. What has happened is never told as still to come. */
export function Ago({ at }: { at: string }) {
  return (
    <time dateTime={at} title={moment(at)}>
      {since(at, useNow())}
    </time>
  );
}

/** "in 3 minutes" of what is to come, "3 minutes ago" once it has. */
export function Until({ at }: { at: string }) {
  return (
    <time dateTime={at} title={moment(at)}>
      {ago(at, useNow())}
    </time>
  );
}
