import type { Dispatch } from "react";
import type { Change, Editing } from "./editing";
import type { Path, Task } from "./model";

/** What the parts of a task's form need: the task, the faults of its fields, and ways to change it. */
export interface TaskFields {
  task: Task;
  editing: Editing;
  fault: (at: string) => string | null;
  put: (...path: Path) => (value: unknown) => void;
  dispatch: Dispatch<Change>;
}
