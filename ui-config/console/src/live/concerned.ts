import type { QueryKey } from "@tanstack/react-query";
import type { Told } from "./stream";

/** What is told of a run beside its own answers, and changes when a task or the run does. */
const OF_RUN = ["timelines", "results", "task-times"] as const;

/** What an attempt wrote is told when it has ended. */
const ATTEMPT_ENDED = /^subtasks\.(completed|failed|refused|handed_back|timed_out)$/;

/**
 * Which answers a bundle of events has made old, each key once. Keys begin with the noun: ["runs", id, ...],
 * ["workflows", ...], ["volunteers", ...], ["schedules", ...]; lists are [noun, "list", filter].
 */
export function concerned(bundle: readonly Told[]): QueryKey[] {
  const keys = new Map<string, QueryKey>();
  const add = (key: QueryKey) => keys.set(key.join("\n"), key);
  for (const told of bundle) {
    if (told.type === "resync") return [[]];
    const [noun] = told.type.split(".");
    switch (noun) {
      case "run":
      case "task":
      case "subtasks":
      case "signal":
        if (told.run_id) add(["runs", told.run_id]);
        // the lists show the progress of runs
        if (noun === "run" || noun === "task" || told.type === "subtasks.completed") add(["runs", "list"]);
        if (told.run_id && ATTEMPT_ENDED.test(told.type)) add(["logs", told.run_id]);
        if (noun === "run" || noun === "task") {
          for (const each of OF_RUN) if (told.run_id) add([each, told.run_id]);
          add(["comparisons"]);
        }
        if (noun === "run") add(["workflows"]); // they tell the state of their newest run
        break;
      case "workflow":
        add(["workflows"]);
        break;
      case "volunteer":
        add(["volunteers"]);
        add(["runs"]); // which tell on how many places they go on, and what they wait for
        if (told.type === "volunteer.enrolled") add(["join-tokens"]);
        break;
      case "schedule":
        add(["schedules"]);
        break;
      case "user":
        add(["users"]);
        add(["me"]);
        break;
      case "webhook":
        add(["webhooks"]);
        break;
    }
  }
  return [...keys.values()];
}
