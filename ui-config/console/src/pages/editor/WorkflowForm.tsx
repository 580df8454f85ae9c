import type { Dispatch } from "react";
import { t } from "../../text/text";
import { Field } from "../../ui/Field";
import { renameKey, setField } from "./edit";
import type { Change, Editing } from "./editing";
import { Checks, ChoiceField, ListField, More, NumberField, Rows, TextField } from "./fields";
import { isObject, type Path } from "./model";
import { wrongAt, type Problem } from "./problems";

/** What belongs to the workflow as a whole: shown while no task is selected. */
export function WorkflowForm({
  editing,
  problems,
  dispatch,
}: {
  editing: Editing;
  problems: readonly Problem[];
  dispatch: Dispatch<Change>;
}) {
  const { model, files } = editing;
  const fields = model.fields;
  const fault = (at: string) => wrongAt(problems, null, at);
  const put =
    (...path: Path) =>
    (value: unknown) =>
      dispatch({ type: "text", text: setField(model, path, value), what: `/${path.join("/")}` });
  const field = (name: string) => ({ at: `/${name}`, fault, value: fields[name], onValue: put(name) });
  const rename = (name: string) => (from: string, to: string) =>
    dispatch({ type: "text", text: renameKey(model, null, [name], from, to) });
  const attached = Object.keys(files);
  const parameters = isObject(fields.parameters) ? fields.parameters : {};
  const inputs = isObject(fields.inputs) ? fields.inputs : {};
  const chosen = Array.isArray(fields.files) ? fields.files.map(String) : [];
  return (
    <div className="stack">
      <TextField label={t("editor.field.name")} hint={t("editor.hint.workflow_name")} {...field("name")} />
      <TextField label={t("editor.field.description")} rows={3} {...field("description")} />
      <Rows
        label={t("editor.field.parameters")}
        hint={t("editor.hint.workflow_parameters")}
        at="/parameters"
        fault={fault}
        values={parameters}
        fresh={{ name: "parameter", value: 1 }}
        add={t("editor.add_parameter")}
        onPut={(name, value) => put("parameters", name)(value)}
        onRename={rename("parameters")}
      />
      <Rows
        label={t("editor.field.inputs")}
        hint={t("editor.hint.inputs")}
        at="/inputs"
        fault={fault}
        values={inputs}
        fresh={{ name: "input", value: attached[0] ?? "input.txt" }}
        add={t("editor.add_input")}
        onPut={(name, value) => put("inputs", name)(value)}
        onRename={rename("inputs")}
        input={(name, value, common) => (
          <FileChoice {...common} value={String(value ?? "")} files={attached} onFile={put("inputs", name)} />
        )}
      />
      <ListField label={t("editor.field.tags")} hint={t("editor.hint.tags")} {...field("tags")} />
      <NumberField
        label={t("editor.field.deadline")}
        hint={t("editor.hint.deadline")}
        placeholder={"6h"}
        {...field("deadline")}
      />
      <More title={t("editor.more_workflow")}>
        <NumberField
          label={t("editor.field.priority")}
          hint={t("editor.hint.priority")}
          placeholder={"50"}
          {...field("priority")}
        />
        <NumberField
          label={t("editor.field.tolerated_failure")}
          hint={t("editor.hint.tolerated_failure")}
          placeholder={"0%"}
          {...field("tolerated_failure")}
        />
        <ChoiceField
          label={t("editor.field.cleanup")}
          hint={t("editor.hint.cleanup")}
          at="/cleanup"
          fault={fault}
          value={typeof fields.cleanup === "string" ? fields.cleanup : ""}
          onValue={(name) => put("cleanup")(name || undefined)}
          choices={[
            ["", t("editor.none")],
            ...model.tasks.filter((task) => task.name).map((task) => [task.name, task.name] as const),
          ]}
        />
        {(attached.length > 0 || chosen.length > 0) && (
          <Checks
            label={t("editor.field.data_files")}
            hint={t("editor.hint.data_files")}
            at="/files"
            fault={fault}
            all={attached}
            chosen={chosen}
            missing={t("editor.not_attached")}
            onChosen={(names) => put("files")(names.length ? names : undefined)}
          />
        )}
      </More>
    </div>
  );
}

/** One of the files that are attached. */
export function FileChoice({
  value,
  files,
  onFile,
  ...more
}: {
  value: string;
  files: readonly string[];
  onFile: (name: string) => void;
  [more: string]: unknown;
}) {
  return (
    <select {...more} value={value} onChange={(event) => onFile(event.target.value)}>
      {!files.includes(value) && (
        <option value={value}>{value ? t("editor.file_missing", { name: value }) : t("editor.choose_file")}</option>
      )}
      {files.map((name) => (
        <option key={name} value={name}>
          {name}
        </option>
      ))}
    </select>
  );
}

export function FileField({
  label,
  hint,
  fault,
  ...choice
}: {
  label: string;
  hint?: string;
  fault: string | null;
  value: string;
  files: readonly string[];
  onFile: (name: string) => void;
  at: string;
}) {
  const { at, ...more } = choice;
  return (
    <Field label={label} hint={hint} fault={fault}>
      <FileChoice data-at={at} {...more} />
    </Field>
  );
}
