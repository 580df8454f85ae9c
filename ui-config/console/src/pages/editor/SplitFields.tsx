import { t } from "../../text/text";
import { Field } from "../../ui/Field";
import { renameKey } from "./edit";
import { ChoiceField, NumberField, Rows, TextField, Typed } from "./fields";
import { isObject } from "./model";
import type { TaskFields } from "./taskFields";
import { itemsOf, listOf, shown, textOf, valueOf } from "./values";

const SPLITS = ["range", "items", "grid", "lines", "files"] as const;
type Split = (typeof SPLITS)[number];
const AGGREGATES = ["list", "concat", "lines", "sum", "count", "table"] as const;

/** Over what a task is split, how much of it one subtask gets, and what becomes of their results. */
export function SplitFields(parts: TaskFields) {
  const { task, editing, fault, put } = parts;
  const split = isObject(task.fields.split) ? task.fields.split : null;
  const kind = split ? (SPLITS.find((name) => split[name] !== undefined) ?? null) : null;
  function choose(next: string) {
    if (next === "") return put("split")(undefined);
    const first =
      Object.keys(isObject(editing.model.fields.inputs) ? editing.model.fields.inputs : {})[0] ??
      Object.keys(editing.files)[0] ??
      "";
    const fresh: Record<Split, unknown> = {
      range: 10,
      items: ["a", "b"],
      grid: { x: [1, 2], y: [1, 2] },
      lines: first,
      files: "*.csv",
    };
    const { items_per_subtask, as } = split ?? {};
    put("split")({
      [next]: fresh[next as Split],
      ...(items_per_subtask === undefined ? {} : { items_per_subtask }),
      ...(as === undefined ? {} : { as }),
    });
  }
  return (
    <>
      <ChoiceField
        label={t("editor.field.split")}
        hint={t(kind ? `editor.split_hint.${kind}` : "editor.split_hint.none")}
        at="/split"
        fault={() => (kind ? null : fault("/split"))}
        value={kind ?? ""}
        onValue={choose}
        choices={[["", t("editor.split.none")], ...SPLITS.map((name) => [name, t(`editor.split.${name}`)] as const)]}
      />
      {split && kind && <Over kind={kind} split={split} {...parts} />}
      {split && kind && <PerSubtask split={split} {...parts} />}
      <Results split={split !== null} {...parts} />
    </>
  );
}

function Over({
  kind,
  split,
  task,
  editing,
  fault,
  put,
  dispatch,
}: TaskFields & { kind: Split; split: Record<string, unknown> }) {
  const at = `/split/${kind}`;
  const value = split[kind];
  switch (kind) {
    case "range": {
      const range = isObject(value) ? value : { stop: value };
      const set = (name: string) => (next: unknown) => {
        const { start, stop, step } = { ...range, [name]: next } as Record<string, unknown>;
        put(
          "split",
          "range",
        )(
          start === undefined && step === undefined
            ? (stop ?? "")
            : { ...(start === undefined ? {} : { start }), stop: stop ?? "", ...(step === undefined ? {} : { step }) },
        );
      };
      return (
        <div className="three">
          <NumberField
            label={t("editor.field.start")}
            at={`${at}/start`}
            fault={fault}
            placeholder={"0"}
            value={range.start}
            onValue={set("start")}
          />
          <NumberField
            label={t("editor.field.stop")}
            at={isObject(value) ? `${at}/stop` : at}
            fault={() => fault(at)}
            value={range.stop}
            onValue={set("stop")}
          />
          <NumberField
            label={t("editor.field.step")}
            at={`${at}/step`}
            fault={() => null}
            placeholder={"1"}
            value={range.step}
            onValue={set("step")}
          />
        </div>
      );
    }
    case "items":
      return (
        <Field label={t("editor.field.items")} hint={t("editor.hint.items")} fault={fault(at)}>
          <Typed
            at={at}
            rows={5}
            className="mono"
            value={value}
            reads={itemsOf}
            shows={(items) => (Array.isArray(items) ? items.map(textOf).join("\n") : shown(items))}
            onValue={put("split", "items")}
          />
        </Field>
      );
    case "grid":
      return (
        <Rows
          label={t("editor.field.grid")}
          hint={t("editor.hint.grid")}
          at={at}
          fault={fault}
          values={isObject(value) ? value : {}}
          fresh={{ name: "axis", value: [1, 2] }}
          add={t("editor.add_axis")}
          onPut={(name, next) => put("split", "grid", name)(next)}
          onRename={(from, to) =>
            dispatch({ type: "text", text: renameKey(editing.model, task.index, ["split", "grid"], from, to) })
          }
          input={(name, axis, common) => (
            <Typed
              {...common}
              className="mono"
              value={axis}
              reads={(text) => listOf(text).map(valueOf)}
              shows={(items) => (Array.isArray(items) ? items.map(textOf).join(", ") : shown(items))}
              onValue={put("split", "grid", name)}
            />
          )}
        />
      );
    case "lines": {
      const names = [
        ...Object.keys(isObject(editing.model.fields.inputs) ? editing.model.fields.inputs : {}),
        ...Object.keys(editing.files),
      ];
      return (
        <ChoiceField
          label={t("editor.field.lines")}
          at={at}
          fault={fault}
          value={shown(value)}
          onValue={put("split", "lines")}
          choices={[
            ...(value === "" ? [["", t("editor.choose_file")] as const] : []),
            ...[...new Set(names)].map((name) => [name, name] as const),
          ]}
        />
      );
    }
    case "files":
      return (
        <Field label={t("editor.field.split_files")} hint={t("editor.hint.split_files")} fault={fault(at)}>
          <Typed
            at={at}
            className="mono"
            value={value}
            reads={(text) => (/[*?[]/.test(text) ? text : listOf(text))}
            shows={(names) => (Array.isArray(names) ? names.join(", ") : shown(names))}
            onValue={put("split", "files")}
          />
        </Field>
      );
  }
}

function PerSubtask({ split, fault, put }: TaskFields & { split: Record<string, unknown> }) {
  const per = split.items_per_subtask;
  const how = per === undefined || per === null ? "one" : per === "auto" ? "auto" : "number";
  return (
    <>
      <ChoiceField
        label={t("editor.field.items_per_subtask")}
        hint={t(`editor.per_hint.${how}`)}
        at="/split/items_per_subtask"
        fault={(at) => (how === "number" ? null : fault(at))}
        value={how}
        onValue={(next) =>
          put("split", "items_per_subtask")(next === "one" ? undefined : next === "auto" ? "auto" : 10)
        }
        choices={[
          ["one", t("editor.per.one")],
          ["auto", t("editor.per.auto")],
          ["number", t("editor.per.number")],
        ]}
      />
      {how === "number" && (
        <NumberField
          label={t("editor.field.number_of_items")}
          at="/split/items_per_subtask"
          fault={fault}
          value={per}
          onValue={(value) => put("split", "items_per_subtask")(value ?? "")}
        />
      )}
      {split.grid !== undefined && how === "one" ? null : (
        <TextField
          label={t("editor.field.as")}
          hint={t("editor.hint.as", { placeholder: `{${shown(split.as) || "part"}}` })}
          at="/split/as"
          fault={fault}
          placeholder={"part"}
          value={split.as}
          onValue={put("split", "as")}
        />
      )}
    </>
  );
}

function Results({ task, split, fault, put }: TaskFields & { split: boolean }) {
  const given = task.fields.aggregate;
  const kind = isObject(given)
    ? given.concat === "lines"
      ? "lines"
      : given.table !== undefined
        ? "table"
        : ""
    : shown(given);
  const columns =
    isObject(given) && isObject(given.table) && Array.isArray(given.table.columns)
      ? given.table.columns.join(", ")
      : "";
  const aggregate = (next: string) =>
    put("aggregate")(next === "" ? undefined : next === "lines" ? { concat: "lines" } : next);
  return (
    <>
      {task.kind === "command" && (
        <ChoiceField
          label={t("editor.field.parse")}
          hint={t("editor.hint.parse")}
          at="/parse"
          fault={fault}
          value={shown(task.fields.parse) || "text"}
          onValue={(next) => put("parse")(next === "text" ? undefined : next)}
          choices={(["text", "json", "lines", "csv", "bytes"] as const).map(
            (name) => [name, t(`editor.parse.${name}`)] as const,
          )}
        />
      )}
      {(split || given !== undefined) && (
        <ChoiceField
          label={t("editor.field.aggregate")}
          hint={t("editor.hint.aggregate")}
          at="/aggregate"
          fault={(at) => (kind === "table" ? null : fault(at))}
          value={kind}
          onValue={aggregate}
          choices={[
            ["", t("editor.aggregate.default")],
            ...AGGREGATES.map((name) => [name, t(`editor.aggregate.${name}`)] as const),
          ]}
        />
      )}
      {kind === "table" && (
        <Field label={t("editor.field.columns")} hint={t("editor.hint.columns")} fault={fault("/aggregate")}>
          <Typed
            at="/aggregate/table"
            value={columns}
            reads={(text) => listOf(text).join(", ")}
            onValue={(text) =>
              put("aggregate")(listOf(String(text)).length ? { table: { columns: listOf(String(text)) } } : "table")
            }
          />
        </Field>
      )}
    </>
  );
}
