import type { IconName } from "../../ui/Icon";
import type { Fields, Kind } from "./model";
import { isObject } from "./model";
import { commandText, shown } from "./values";

/** The mark of each kind of task. */
export const MARKS: Record<Kind, IconName> = {
  command: "play",
  python: "file",
  wait: "signal",
  sleep: "wait",
  workflow: "workflow",
};

/** What a task does, on one line. */
export function gist(kind: Kind | null, fields: Fields): string {
  switch (kind) {
    case "command":
      return commandText(fields.command);
    case "python":
      return isObject(fields.python)
        ? `${shown(fields.python.function)}()${fields.python.file ? ` · ${shown(fields.python.file)}` : ""}`
        : "";
    case "wait":
      return isObject(fields.wait) ? shown(fields.wait.signal) : "";
    case "sleep":
      return shown(fields.sleep);
    case "workflow":
      return shown(fields.workflow);
    case null:
      return "";
  }
}
