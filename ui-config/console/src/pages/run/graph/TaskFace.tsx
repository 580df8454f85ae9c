import { number, percent } from "../../../text/format";
import { t } from "../../../text/text";
import { Icon, type IconName } from "../../../ui/Icon";
import { iconOf, statusSaid, toneWith } from "../../../ui/Status";
import type { Kind, TaskNode } from "./graph";

export const KIND_ICONS: Record<Kind, IconName> = {
  command: "play",
  python: "file",
  wait: "signal",
  sleep: "wait",
  workflow: "workflow",
  flow: "dot",
  unknown: "dot",
};

export function statusOf(node: TaskNode) {
  return node.task?.status ?? "PENDING";
}

/** What stands in a node: the name, the state, and how far its subtasks are. */
export function TaskFace({ node }: { node: TaskNode }) {
  const status = statusOf(node);
  const { total = 0, completed = 0, failed = 0, leased = 0, progress = 0 } = node.task ?? {};
  const tone = node.paused ? "warn" : toneWith(status, node.task);
  return (
    <span className={`task-face ${tone}`}>
      <span className="task-name">
        <Icon name={KIND_ICONS[node.kind]} size={14} />
        <strong>{node.name}</strong>
      </span>
      <span className={`status ${tone}`}>
        <Icon name={node.paused ? "pause" : iconOf(status)} size={13} />
        {statusSaid(node.paused ? "PAUSED" : status, node.task)}
      </span>
      {node.cleanUp && total <= 1 && <span className="fine faint">{t("graph.clean_up")}</span>}
      {total > 1 && (
        <span className="task-counts">
          <span className="bar-of" aria-hidden="true">
            <i className="good" style={{ width: `${(100 * completed) / total}%` }} />
            <i className="bad" style={{ width: `${(100 * failed) / total}%` }} />
            <i className="busy" style={{ width: `${(100 * leased) / total}%` }} />
          </span>
          <span className="fine faint">{t("graph.counts", { done: number(completed), total: number(total) })}</span>
        </span>
      )}
      {total === 1 && progress > 0 && progress < 1 && <span className="fine faint">{percent(progress)}</span>}
    </span>
  );
}
