/** What depends on what. Tasks are named; names that are no task's are left out. */

interface Named {
  name: string;
  dependencies: readonly string[];
}

/** The way from task to task that would be closed to a circle if `to` depended on `from`; null if there is none. */
export function circle(tasks: readonly Named[], from: string, to: string): string[] | null {
  if (from === to) return [to, from];
  const upstream = new Map(tasks.map((task) => [task.name, task.dependencies]));
  const cameFrom = new Map<string, string | null>([[from, null]]);
  const waiting = [from];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    for (const next of upstream.get(name) ?? []) {
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, name);
      if (next === to) {
        const way = [to];
        for (let at: string | null | undefined = name; at; at = cameFrom.get(at)) way.push(at);
        return [...way, to];
      }
      waiting.push(next);
    }
  }
  return null;
}

/** The longest way from a task without dependencies to each task. Within a circle: the longest that was found. */
export function depths(tasks: readonly Named[]): Map<string, number> {
  const there = new Set(tasks.map((task) => task.name));
  const missing = new Map(tasks.map((task) => [task.name, task.dependencies.filter((name) => there.has(name)).length]));
  const downstream = new Map<string, string[]>();
  for (const task of tasks) {
    for (const name of task.dependencies) {
      if (!there.has(name)) continue;
      const known = downstream.get(name);
      if (known) known.push(task.name);
      else downstream.set(name, [task.name]);
    }
  }
  const depth = new Map(tasks.map((task) => [task.name, 0]));
  const ready = tasks.filter((task) => missing.get(task.name) === 0).map((task) => task.name);
  for (const name of ready) {
    for (const next of downstream.get(name) ?? []) {
      depth.set(next, Math.max(depth.get(next)!, depth.get(name)! + 1));
      missing.set(next, missing.get(next)! - 1);
      if (missing.get(next) === 0) ready.push(next);
    }
  }
  return depth;
}

/** The tasks in an order in which each comes after what it depends on; else as they are written. */
export function ordered<Task extends Named>(tasks: readonly Task[]): { task: Task; depth: number }[] {
  const depth = depths(tasks);
  return tasks.map((task) => ({ task, depth: depth.get(task.name) ?? 0 })).sort((a, b) => a.depth - b.depth);
}
