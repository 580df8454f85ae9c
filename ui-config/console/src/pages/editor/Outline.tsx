import type { Dispatch } from "react";
import { t } from "../../text/text";
import { Icon } from "../../ui/Icon";
import type { Change, Editing } from "./editing";
import { ordered } from "../../graph/dependencies";
import { gist, MARKS } from "./look";
import type { Problem } from "./problems";
import { wrongAt } from "./problems";
import { Dependencies } from "./TaskForm";

interface Props {
  editing: Editing;
  problems: readonly Problem[];
  editable: boolean;
  dispatch: Dispatch<Change>;
  onRemove: (ids: readonly string[]) => void;
}

/** The graph as a list: each task after what it depends on. All that the canvas can do, it can do, too. */
export function Outline({ editing, problems, editable, dispatch, onRemove }: Props) {
  const { model, history } = editing;
  const selected = new Set(history.now.selected);
  const wrong = new Set(problems.map((problem) => problem.task));
  return (
    <ol className="task-list" aria-label={t("editor.outline")}>
      {ordered(model.tasks).map(({ task, depth }) => (
        <li key={task.id} style={{ paddingInlineStart: `${Math.min(depth, 8) * 1.1}rem` }}>
          <div className={selected.has(task.id) ? "item selected" : "item"}>
            <button
              type="button"
              className="plain"
              aria-pressed={selected.has(task.id)}
              onClick={(event) => {
                const more = event.ctrlKey || event.metaKey || event.shiftKey;
                const others = history.now.selected.filter((id) => id !== task.id);
                dispatch({
                  type: "select",
                  selected: more ? (selected.has(task.id) ? others : [...others, task.id]) : [task.id],
                });
              }}
            >
              {task.kind && <Icon name={MARKS[task.kind]} />}
              <strong>{task.name || t("editor.no_name")}</strong>
              {wrong.has(task.id) && (
                <span className="mark">
                  <Icon name="warn" />
                  <span className="hidden">{t("editor.has_problems")}</span>
                </span>
              )}
              <span className="gist fine faint">
                {task.kind ? t(`editor.kind.${task.kind}`) : ""} · {gist(task.kind, task.fields)}
              </span>
            </button>
            <span className="fine faint needs">
              {task.dependencies.length
                ? t("editor.after", { names: task.dependencies.join(", ") })
                : t("editor.at_once")}
            </span>
            {editable && (
              <button
                type="button"
                className="plain small"
                aria-label={t("editor.delete_named", { name: task.name || task.id })}
                onClick={() => onRemove([task.id])}
              >
                <Icon name="trash" />
              </button>
            )}
          </div>
          {editable && selected.size === 1 && selected.has(task.id) && (
            <div className="inside">
              <Dependencies
                task={task}
                editing={editing}
                dispatch={dispatch}
                fault={(at) => wrongAt(problems, task.id, at)}
              />
            </div>
          )}
        </li>
      ))}
    </ol>
  );
}
