import type { Dispatch } from "react";
import { t } from "../../text/text";
import { Field } from "../../ui/Field";
import { Icon } from "../../ui/Icon";
import { codeIn, connect, disconnect, rename, renameKey, setKind, setTaskField } from "./edit";
import type { Change, Editing } from "./editing";
import { CheckField, Checks, ChoiceField, NameInput, NumberField, Rows, TextField } from "./fields";
import { isObject, type Kind, KINDS, type Path, type Task } from "./model";
import { Limits } from "./Limits";
import { type Problem, wrongAt } from "./problems";
import { refuse } from "./refusals";
import { SplitFields } from "./SplitFields";
import type { TaskFields } from "./taskFields";
import { commandText } from "./values";
import { FileField } from "./WorkflowForm";

const SLUG = /^[a-z0-9][a-z0-9_-]{0,63}$/;

/** Everything that one task may hold. */
export function TaskForm({
  task,
  editing,
  problems,
  dispatch,
}: {
  task: Task;
  editing: Editing;
  problems: readonly Problem[];
  dispatch: Dispatch<Change>;
}) {
  const { model } = editing;
  const fault = (at: string) => wrongAt(problems, task.id, at);
  const put =
    (...path: Path) =>
    (value: unknown) =>
      dispatch({
        type: "text",
        text: setTaskField(model, task.index, path, value),
        what: `${task.index}/${path.join("/")}`,
      });
  const parts: TaskFields = { task, editing, fault, put, dispatch };
  const onVolunteers = task.kind === "command" || task.kind === "python" || task.kind === null;
  function refuses(name: string): string | null {
    if (!SLUG.test(name)) return t("editor.name_slug");
    return model.tasks.some((other) => other.index !== task.index && other.name === name)
      ? t("editor.name_taken", { name })
      : null;
  }
  return (
    <div className="stack">
      <div className="field">
        <label htmlFor="task-name">{t("editor.field.name")}</label>
        <NameInput
          id="task-name"
          data-at="/name"
          value={task.name}
          refuses={refuses}
          aria-invalid={fault("/name") ? true : undefined}
          onName={(to) =>
            dispatch({ type: "text", text: rename(model, task.index, to), renamed: { from: task.id, to } })
          }
        />
        {fault("/name") && <span className="fault">{fault("/name")}</span>}
      </div>
      <ChoiceField
        label={t("editor.field.kind")}
        hint={task.kind ? t(`editor.kind_hint.${task.kind}`) : t("editor.kind_missing")}
        at=""
        fault={() => (task.kind ? null : fault(""))}
        value={task.kind ?? ""}
        onValue={(kind) => dispatch({ type: "text", text: setKind(model, task.index, kind as Kind) })}
        choices={[
          ...(task.kind ? [] : [["", "–"] as const]),
          ...KINDS.map((kind) => [kind, t(`editor.kind.${kind}`)] as const),
        ]}
      />
      <OfKind {...parts} />
      <Dependencies {...parts} />
      {onVolunteers && <Files {...parts} />}
      {(onVolunteers || task.kind === "workflow") && <Parameters {...parts} />}
      {onVolunteers && <SplitFields {...parts} />}
      {onVolunteers && <Limits {...parts} />}
    </div>
  );
}

function OfKind({ task, editing, fault, put }: TaskFields) {
  const fields = task.fields;
  switch (task.kind) {
    case "command":
      return (
        <TextField
          label={t("editor.field.command")}
          hint={t("editor.hint.command")}
          at="/command"
          fault={fault}
          mono
          rows={2}
          value={fields.command}
          shows={commandText}
          onValue={put("command")}
        />
      );
    case "python": {
      const python = isObject(fields.python) ? fields.python : {};
      const inFile = python.source === undefined;
      const files = Object.keys(editing.files);
      return (
        <>
          <TextField
            label={t("editor.field.function")}
            hint={t("editor.hint.function")}
            at="/python/function"
            fault={fault}
            mono
            value={python.function}
            onValue={put("python", "function")}
          />
          <ChoiceField
            label={t("editor.field.code")}
            at="/python"
            fault={() => null}
            value={inFile ? "file" : "source"}
            onValue={(where) =>
              put("python")(
                codeIn(
                  python,
                  where === "file"
                    ? { file: files.find((name) => name.endsWith(".py")) ?? "" }
                    : { source: `def ${String(python.function ?? "run")}():\n    return 42\n` },
                ),
              )
            }
            choices={[
              ["source", t("editor.code_here")],
              ["file", t("editor.code_file")],
            ]}
          />
          {inFile ? (
            <FileField
              label={t("editor.field.file")}
              at="/python/file"
              fault={fault("/python/file")}
              value={String(python.file ?? "")}
              files={files}
              onFile={put("python", "file")}
            />
          ) : (
            <TextField
              label={t("editor.field.source")}
              at="/python/source"
              fault={fault}
              mono
              rows={12}
              value={python.source}
              onValue={(value) => put("python", "source")(value ?? "")}
            />
          )}
          <CheckField
            label={t("editor.field.isolate")}
            hint={t("editor.hint.isolate")}
            at="/python/isolate"
            fault={fault}
            value={python.isolate}
            onValue={put("python", "isolate")}
          />
        </>
      );
    }
    case "wait":
      return (
        <>
          <TextField
            label={t("editor.field.signal")}
            hint={t("editor.hint.signal")}
            at="/wait/signal"
            fault={fault}
            value={isObject(fields.wait) ? fields.wait.signal : fields.wait}
            onValue={(value) => put("wait", "signal")(value ?? "")}
          />
          <NumberField
            label={t("editor.field.wait_timeout")}
            hint={t("editor.hint.wait_timeout")}
            at="/wait/timeout"
            fault={fault}
            placeholder={"7d"}
            value={isObject(fields.wait) ? fields.wait.timeout : undefined}
            onValue={put("wait", "timeout")}
          />
        </>
      );
    case "sleep":
      return (
        <NumberField
          label={t("editor.field.sleep")}
          hint={t("editor.hint.duration")}
          at="/sleep"
          fault={fault}
          value={fields.sleep}
          onValue={(value) => put("sleep")(value ?? "")}
        />
      );
    case "workflow":
      return (
        <>
          <TextField
            label={t("editor.field.workflow")}
            hint={t("editor.hint.workflow")}
            at="/workflow"
            fault={fault}
            value={fields.workflow}
            onValue={(value) => put("workflow")(value ?? "")}
          />
          <ChoiceField
            label={t("editor.field.on_parent_cancel")}
            at="/on_parent_cancel"
            fault={fault}
            value={String(fields.on_parent_cancel ?? "cancel")}
            onValue={(value) => put("on_parent_cancel")(value === "cancel" ? undefined : value)}
            choices={[
              ["cancel", t("editor.parent_cancel")],
              ["abandon", t("editor.parent_abandon")],
            ]}
          />
        </>
      );
    case null:
      return null;
  }
}

/** What must be done before: added and taken away by keyboard as well as by the canvas. */
export function Dependencies({ task, editing, fault, dispatch }: Omit<TaskFields, "put">) {
  const { model } = editing;
  const others = model.tasks.filter(
    (other) => other.name && other.name !== task.name && !task.dependencies.includes(other.name),
  );
  const wrong = fault("/dependencies");
  function add(from: string) {
    const made = connect(model, from, task.name);
    if ("circle" in made) refuse(made.circle);
    else dispatch({ type: "text", text: made.text });
  }
  return (
    <fieldset className="rows">
      <legend>{t("editor.field.dependencies")}</legend>
      {task.dependencies.length === 0 && <p className="fine faint">{t("editor.no_dependencies")}</p>}
      <ul className="chips">
        {task.dependencies.map((name) => (
          <li key={name}>
            <span>{name}</span>
            <button
              type="button"
              className="plain small"
              aria-label={t("editor.remove_dependency", { name })}
              onClick={() => dispatch({ type: "text", text: disconnect(model, [{ from: name, to: task.name }]) })}
            >
              <Icon name="close" size={12} />
            </button>
          </li>
        ))}
      </ul>
      {others.length > 0 && (
        <Field label={t("editor.add_dependency")}>
          <select data-at="/dependencies" value="" onChange={(event) => event.target.value && add(event.target.value)}>
            <option value="">{t("editor.choose_task")}</option>
            {others.map((other) => (
              <option key={other.name} value={other.name}>
                {other.name}
              </option>
            ))}
          </select>
        </Field>
      )}
      {wrong && <span className="fault">{wrong}</span>}
    </fieldset>
  );
}

function Files({ task, editing, fault, put }: TaskFields) {
  const all = Object.keys(editing.files);
  const chosen = Array.isArray(task.fields.files) ? task.fields.files.map(String) : [];
  if (all.length === 0 && chosen.length === 0) return <p className="fine faint">{t("editor.files_none_yet")}</p>;
  return (
    <Checks
      label={t("editor.field.files")}
      hint={t("editor.hint.files")}
      at="/files"
      fault={fault}
      all={all}
      chosen={chosen}
      missing={t("editor.not_attached")}
      onChosen={(names) => put("files")(names.length ? names : undefined)}
    />
  );
}

function Parameters({ task, editing, fault, put, dispatch }: TaskFields) {
  const values = isObject(task.fields.parameters) ? task.fields.parameters : {};
  return (
    <Rows
      label={t("editor.field.parameters")}
      hint={t(task.kind === "python" ? "editor.hint.python_parameters" : "editor.hint.task_parameters")}
      at="/parameters"
      fault={fault}
      values={values}
      fresh={{ name: "parameter", value: 1 }}
      add={t("editor.add_parameter")}
      onPut={(name, value) => put("parameters", name)(value)}
      onRename={(from, to) =>
        dispatch({ type: "text", text: renameKey(editing.model, task.index, ["parameters"], from, to) })
      }
    />
  );
}
