import { Handle, type Node, type NodeProps, Position } from "@xyflow/react";
import { memo } from "react";
import { t } from "../../text/text";
import { Icon } from "../../ui/Icon";
import { gist, MARKS } from "./look";
import type { Task } from "./model";

export type TaskNodeType = Node<{ task: Task; wrong: number; editable: boolean }, "task">;

/** One task on the canvas. */
export const TaskNode = memo(function TaskNode({ data, selected }: NodeProps<TaskNodeType>) {
  const { task, wrong, editable } = data;
  return (
    <div className={`task-card${selected ? " selected" : ""}${wrong ? " wrong" : ""}`}>
      <Handle type="target" position={Position.Left} isConnectable={editable} />
      <strong>
        {task.kind ? <Icon name={MARKS[task.kind]} size={15} /> : <Icon name="help" size={15} />}
        <span className="name">{task.name || t("editor.no_name")}</span>
        {task.fields.split !== undefined && <Icon name="split" size={15} />}
        {wrong > 0 && (
          <span className="mark">
            <Icon name="warn" size={15} />
          </span>
        )}
      </strong>
      <span className="gist">{gist(task.kind, task.fields)}</span>
      <Handle type="source" position={Position.Right} isConnectable={editable} />
    </div>
  );
});
