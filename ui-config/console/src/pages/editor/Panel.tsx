import { type Dispatch, lazy, type ReactNode, Suspense, useEffect, useRef } from "react";
import { t } from "../../text/text";
import { Icon } from "../../ui/Icon";
import { Loading } from "../../ui/states";
import type { Attachments } from "./attachments";
import type { Change, Editing } from "./editing";
import { FilesPanel } from "./FilesPanel";
import { isObject, type Model } from "./model";
import type { Problem } from "./problems";
import { TaskForm } from "./TaskForm";
import { WorkflowForm } from "./WorkflowForm";
import type { YamlProps } from "./Yaml";

const Yaml = lazy(() => import("./Yaml"));

export const TABS = ["form", "yaml", "files"] as const;
export type Tab = (typeof TABS)[number];

interface Props {
  tab: Tab;
  editing: Editing;
  problems: readonly Problem[];
  editable: boolean;
  attachments: Attachments;
  goal: YamlProps["goal"];
  /** The field that a problem leads to, whenever `at` changes. */
  field: { name: string; at: number } | null;
  dispatch: Dispatch<Change>;
  onTab: (tab: Tab) => void;
}

/** The right side: the form of what is selected, the whole as text, the files. */
export function Panel({ tab, editing, problems, editable, attachments, goal, field, dispatch, onTab }: Props) {
  const body = useRef<HTMLDivElement>(null);
  const { model, current, history, files } = editing;
  const unreadable = current.faults.length > 0;
  useEffect(() => {
    if (field && tab === "form" && body.current) focus(body.current, field.name);
  }, [field, tab]);
  return (
    <section className="panel" aria-label={t("editor.details")}>
      <div
        className="switch"
        role="tablist"
        aria-label={t("editor.details")}
        onKeyDown={(event) => {
          const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
          if (!step) return;
          const next = TABS[(TABS.indexOf(tab) + step + TABS.length) % TABS.length]!;
          onTab(next);
          document.getElementById(`editor-tab-${next}`)?.focus();
        }}
      >
        {TABS.map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`editor-tab-${name}`}
            aria-selected={tab === name}
            aria-controls="editor-panel"
            tabIndex={tab === name ? 0 : -1}
            onClick={() => onTab(name)}
          >
            {t(`editor.tab.${name}`)}
            {name === "files" && Object.keys(files).length > 0 && (
              <span className="fine"> {Object.keys(files).length}</span>
            )}
          </button>
        ))}
      </div>
      <div
        id="editor-panel"
        ref={body}
        role="tabpanel"
        aria-labelledby={`editor-tab-${tab}`}
        className={tab === "yaml" ? "body text" : "body"}
      >
        {tab === "yaml" && (
          <Suspense fallback={<Loading />}>
            <Yaml
              text={history.now.text}
              problems={problems}
              editable={editable}
              goal={goal}
              onText={(text) => dispatch({ type: "text", text, what: "yaml" })}
            />
          </Suspense>
        )}
        {tab === "files" && (
          <FilesPanel files={files} attachments={attachments} editable={editable} used={usedIn(model)} />
        )}
        {tab === "form" && (
          <>
            {unreadable && (
              <p className="notice">
                {t("editor.form_unreadable")}{" "}
                <button type="button" className="small" onClick={() => onTab("yaml")}>
                  {t("editor.tab.yaml")}
                </button>
              </p>
            )}
            <fieldset className="form" disabled={!editable || unreadable}>
              <legend className="hidden">{t("editor.tab.form")}</legend>
              <Form editing={editing} problems={problems} dispatch={dispatch} />
            </fieldset>
          </>
        )}
      </div>
    </section>
  );
}

function Form({
  editing,
  problems,
  dispatch,
}: {
  editing: Editing;
  problems: readonly Problem[];
  dispatch: Dispatch<Change>;
}): ReactNode {
  const chosen = editing.history.now.selected.flatMap((id) => editing.model.byId.get(id) ?? []);
  const [task] = chosen;
  const whole = (
    <button type="button" className="plain small" onClick={() => dispatch({ type: "select", selected: [] })}>
      <Icon name="back" size={12} /> {t("editor.to_workflow")}
    </button>
  );
  if (!task)
    return (
      <>
        <h2>{t("editor.the_workflow")}</h2>
        <WorkflowForm editing={editing} problems={problems} dispatch={dispatch} />
      </>
    );
  if (chosen.length > 1)
    return (
      <>
        <div>{whole}</div>
        <h2>{t("editor.selected_count", { count: chosen.length })}</h2>
        <p className="faint">{t("editor.selected_what")}</p>
      </>
    );
  return (
    <>
      <div>{whole}</div>
      <h2>{t("editor.the_task", { name: task.name || t("editor.no_name") })}</h2>
      <TaskForm task={task} editing={editing} problems={problems} dispatch={dispatch} />
    </>
  );
}

/** Focus the field at a JSON Pointer, or the nearest around it; what is closed around it is opened. */
function focus(body: HTMLElement, pointer: string): void {
  const fields = [...body.querySelectorAll<HTMLElement>("[data-at]")];
  for (let name = pointer; name; name = name.slice(0, name.lastIndexOf("/"))) {
    const found =
      fields.find((field) => field.dataset.at === name) ??
      fields.find((field) => field.dataset.at?.startsWith(`${name}/`));
    if (!found) continue;
    const closed = found.closest("details");
    if (closed) closed.open = true;
    found.scrollIntoView({ block: "center" });
    found.focus();
    return;
  }
  fields[0]?.focus();
}

/** The names of files that a workflow speaks of. */
function usedIn(model: Model): ReadonlySet<string> {
  const found = new Set<string>();
  const add = (value: unknown) => {
    if (typeof value === "string") found.add(value);
    else if (Array.isArray(value)) value.forEach(add);
    else if (isObject(value)) Object.values(value).forEach(add);
  };
  add(model.fields.inputs);
  add(model.fields.files);
  for (const { fields } of model.tasks) {
    add(fields.files);
    if (isObject(fields.python)) add(fields.python.file);
    if (isObject(fields.split)) add([fields.split.lines, fields.split.files]);
  }
  return found;
}
