import type { Throughput } from "../../api/volunteers";

export interface Bar {
  /** ms; when it begins. */
  at: number;
  completed: number;
  failed: number;
  /** The most machines that were there at once. */
  online: number;
}

/** The service's points as they are, or a bar for each day of the reader's calendar. */
export function bars({ points }: Throughput, byDay: boolean): Bar[] {
  const found = new Map<number, Bar>();
  for (const point of points) {
    const moment = new Date(point.at);
    const at = byDay ? new Date(moment.getFullYear(), moment.getMonth(), moment.getDate()).getTime() : moment.getTime();
    const bar = found.get(at) ?? { at, completed: 0, failed: 0, online: 0 };
    bar.completed += point.completed;
    bar.failed += point.failed;
    bar.online = Math.max(bar.online, point.online);
    found.set(at, bar);
  }
  return [...found.values()].sort((a, b) => a.at - b.at);
}

export function total(shown: readonly Bar[]): { completed: number; failed: number } {
  return shown.reduce((sum, bar) => ({ completed: sum.completed + bar.completed, failed: sum.failed + bar.failed }), {
    completed: 0,
    failed: 0,
  });
}
