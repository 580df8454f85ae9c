import { t } from "../../text/text";
import { Icon, type IconName } from "../../ui/Icon";
import { Empty } from "../../ui/states";
import { taskLines, type TaskLine } from "./documents";

const ICONS: Record<TaskLine["kind"], IconName> = {
  command: "play",
  python: "file",
  wait: "signal",
  sleep: "wait",
  workflow: "workflow",
};

/** The tasks of a workflow, step by step: those of one step may go on at the same time. */
export function Outline({ spec }: { spec: Record<string, unknown> }) {
  const lines = taskLines(spec);
  if (lines.length === 0) return <Empty title={t("workflow.no_tasks")}>{t("workflow.no_tasks_hint")}</Empty>;
  const steps = grouped(lines);
  return (
    <ol className="outline">
      {[...steps].map(([step, tasks]) => (
        <li key={step}>
          <ul>
            {tasks.map((task) => (
              <li key={task.name} className="task">
                <Icon name={ICONS[task.kind]} />
                <div>
                  <strong>{task.name}</strong>
                  <span className="fine faint">
                    {t(`kind.${task.kind}`)}
                    {task.split && <>, {t("workflow.split")}</>}
                  </span>
                  {task.dependencies.length > 0 && (
                    <span className="fine faint">{t("workflow.after", { tasks: task.dependencies.join(", ") })}</span>
                  )}
                </div>
              </li>
            ))}
          </ul>
        </li>
      ))}
    </ol>
  );
}

function grouped(lines: readonly TaskLine[]): Map<number, TaskLine[]> {
  const steps = new Map<number, TaskLine[]>();
  for (const line of lines) steps.set(line.step, [...(steps.get(line.step) ?? []), line]);
  return steps;
}
