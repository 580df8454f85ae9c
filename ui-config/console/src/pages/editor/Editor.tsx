import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useMemo, useState } from "react";
import { Link, useLocation } from "wouter";
import { may, useMe } from "../../api/me";
import { type WholeTemplate, type Workflow, workflowQuery } from "../../api/workflows";
import { ago } from "../../text/format";
import { t } from "../../text/text";
import { Confirm } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import { Loading } from "../../ui/states";
import { tell } from "../../ui/toasts";
import { useAttachments } from "./attachments";
import type { CanvasProps } from "./Canvas";
import { useChecks } from "./checks";
import type { Draft } from "./drafts";
import { DropZone } from "./DropZone";
import { DryRun } from "./DryRun";
import { addTask, connect, copyOf, disconnect, paste, removeTasks } from "./edit";
import { type Base, handOver, type Handed, isChanged, opened, useEditing } from "./editing";
import { useKeptDraft } from "./keep";
import { isObject, type Kind, lineOf, spanOf } from "./model";
import { Outline } from "./Outline";
import { Palette } from "./Palette";
import { Panel, type Tab } from "./Panel";
import { ProblemList } from "./ProblemList";
import { type Problem, problems as placed } from "./problems";
import { refuse } from "./refusals";
import { RunDialog } from "./RunDialog";
import { SaveDialog } from "./SaveDialog";
import { Shortcuts } from "./Shortcuts";
import { useShortcuts } from "./shortcuts";
import { Start } from "./Start";
import { useTemplateFiles } from "./templates";
import { Toolbar } from "./Toolbar";
import { useNarrow } from "./narrow";

const Canvas = lazy(() => import("./Canvas"));

export interface Opening {
  /** Null for a workflow that is not there yet. */
  id: string | null;
  /** Under which the draft is kept. */
  draftId: string;
  base: Base;
  draft: Draft | null;
  handed: Handed | null;
  owner: string;
  /** What it is made of. */
  template: WholeTemplate | null;
}

type Window = "save" | "save_and_run" | "run" | "dry_run" | "shortcuts" | "discard";

let lastCopied = "";

/** The editor of one workflow: text, graph and forms of it, which are always the same thing. */
export function Editor({ opening }: { opening: Opening }) {
  const { id, draftId } = opening;
  const me = useMe();
  const [, go] = useLocation();
  const [editing, dispatch] = useEditing(
    () =>
      opening.handed?.editing ??
      opened(
        opening.base,
        opening.draft ?? (opening.template && { text: opening.template.source, files: {}, places: {} }),
      ),
  );
  const { model, current, history, files, base } = editing;
  const selected = history.now.selected;
  const editable = id === null ? may.make(me) : may.change(me, opening.owner);
  const unreadable = current.faults.length > 0;
  const dirty = isChanged(editing);
  const narrow = useNarrow();
  const [view, setView] = useState<"canvas" | "outline">("canvas");
  const [tab, setTab] = useState<Tab>("form");
  const [shown, setShown] = useState<Window | null>(opening.handed?.run ? "run" : null);
  const [restored, setRestored] = useState(opening.draft);
  const [goal, setGoal] = useState<{ offset: number; at: number; focus: boolean } | null>(null);
  const [field, setField] = useState<{ name: string; at: number } | null>(null);
  const [reveal, setReveal] = useState<CanvasProps["reveal"]>(null);
  const attachments = useAttachments(files, dispatch);
  useTemplateFiles(opening.draft ? null : opening.template, attachments.begin);
  const draft = useKeptDraft(me.name, draftId, editing, opening.draft !== null);
  const checks = useChecks(current, files, may.make(me));
  const warnings = useMemo(
    () => (current.faults.length > 0 || current.text.trim() === "" ? [] : placed(current, checks.warnings, checks.of)),
    [current, checks.warnings, checks.of],
  );
  const problems = useMemo(
    () => placed(current, current.text.trim() === "" ? [] : checks.wrong, checks.of),
    [current, checks.wrong, checks.of],
  );
  const newest = useQuery({ ...workflowQuery(id ?? ""), enabled: id !== null }).data;
  const overtaken = shown === null && newest !== undefined && base.version !== null && newest.version > base.version;
  const sending = Object.values(files).some((file) => !file.stored) || Object.keys(attachments.sending).length > 0;
  const because = unreadable
    ? t("editor.because_unreadable", { line: lineOf(current.text, current.faults[0]?.offset ?? 0) })
    : current.text.trim() === ""
      ? t("editor.empty")
      : problems.length
        ? t("editor.because_problems", { count: problems.length })
        : sending
          ? t("editor.because_files")
          : null;

  function blocked(): boolean {
    if (editable && unreadable) tell(t("editor.form_unreadable"));
    return !editable || unreadable;
  }
  function text(next: string, chosen?: readonly string[], places?: CanvasProps["places"]) {
    dispatch({ type: "text", text: next, selected: chosen, places });
  }
  function select(ids: readonly string[]) {
    dispatch({ type: "select", selected: ids });
    const [task] = ids.flatMap((one) => model.byId.get(one) ?? []);
    if (task && ids.length === 1 && !unreadable)
      setGoal({ offset: spanOf(model, task.index).from, at: Date.now(), focus: false });
  }
  function add(kind: Kind, place?: (id: string) => CanvasProps["places"]) {
    if (blocked()) return;
    const made = addTask(model, kind);
    text(made.text, [made.name], place?.(made.name));
    if (tab === "files") setTab("form");
  }
  function remove(ids: readonly string[] = selected) {
    if (ids.length === 0 || blocked()) return;
    text(
      removeTasks(model, new Set(ids)),
      selected.filter((one) => !ids.includes(one)),
    );
    tell(t("editor.removed", { count: ids.length }));
  }
  function copied(): string | null {
    if (selected.length === 0) return null;
    lastCopied = copyOf(model, new Set(selected));
    tell(t("editor.copied", { count: selected.length }));
    return lastCopied;
  }
  function pasted(clipboard: string): boolean {
    if (blocked()) return false;
    const made = paste(model, clipboard);
    if (!made) return false;
    text(made.text, made.names);
    return true;
  }
  function join(from: string, to: string) {
    const [source, target] = [model.byId.get(from)?.name, model.byId.get(to)?.name];
    if (blocked() || !source || !target) return;
    const made = connect(model, source, target);
    if ("circle" in made) refuse(made.circle);
    else text(made.text);
  }
  function goTo(problem: Problem) {
    const at = Date.now();
    if (problem.task !== null) {
      dispatch({ type: "select", selected: [problem.task] });
      setReveal({ task: problem.task, at });
    } else if (!unreadable) dispatch({ type: "select", selected: [] });
    if (tab === "yaml" || unreadable) {
      setTab("yaml");
      setGoal({ offset: problem.offset, at, focus: true });
    } else {
      toField(problem.field);
    }
  }
  function toField(pointer: string) {
    setTab("form");
    setField({ name: pointer, at: Date.now() });
  }
  function saved(workflow: Workflow, next: Base) {
    tell(t("editor.saved", { version: workflow.version }));
    const run = shown === "save_and_run";
    if (id === null) {
      draft.stop();
      handOver({ id: workflow.id, editing: { ...editing, base: next }, run });
      go(`/workflows/${workflow.id}/edit`, { replace: true });
      return;
    }
    dispatch({ type: "rebase", base: next });
    setRestored(null);
    setShown(run ? "run" : null);
  }
  function adopt(next: Base) {
    dispatch({ type: "adopt", base: next });
    setRestored(null);
    setShown(null);
  }
  async function fromClipboard() {
    const clipboard = await navigator.clipboard?.readText().catch(() => lastCopied);
    if (!pasted(clipboard ?? lastCopied) && !unreadable) tell(t("editor.nothing_to_paste"));
  }
  function toClipboard() {
    const list = copied();
    if (list !== null) void navigator.clipboard?.writeText(list).catch(() => {});
  }

  const actions = {
    undo: () => dispatch({ type: "undo" }),
    redo: () => dispatch({ type: "redo" }),
    save: () => editable && (dirty ? setShown("save") : tell(t("editor.nothing_to_save"))),
    copied,
    remove: () => remove(),
    paste: (clipboard: string) => pasted(clipboard || lastCopied),
    duplicate: () => selected.length > 0 && pasted(copyOf(model, new Set(selected))),
    all: () => select(model.tasks.map((task) => task.id)),
    arrange: () => dispatch({ type: "place", places: {} }),
    fit: () => setReveal({ task: null, at: Date.now() }),
    help: () => setShown("shortcuts"),
  };
  useShortcuts(actions);

  const name = String(model.fields.name ?? "") || t("editor.new");
  const parameters = isObject(model.fields.parameters) ? model.fields.parameters : {};
  const state = !editable
    ? t("editor.state.reader", { owner: opening.owner })
    : dirty
      ? t(draft.failed ? "editor.state.not_kept" : "editor.state.draft")
      : base.version === null
        ? t("editor.state.new")
        : t("editor.state.saved", { version: base.version });
  const empty = model.tasks.length === 0 && !unreadable;
  const listed = view === "outline" || narrow;
  return (
    <DropZone
      className="editor"
      disabled={!editable}
      onFiles={(dropped) => {
        attachments.add(dropped);
        setTab("files");
      }}
    >
      <Toolbar
        id={id}
        name={name}
        state={state}
        editable={editable}
        can={{
          undo: history.past.length > 0,
          redo: history.future.length > 0,
          save: dirty,
          run: id !== null || dirty,
          check: !empty && !unreadable,
          selected: selected.length > 0,
          discard: dirty,
        }}
        on={{
          ...actions,
          add,
          dryRun: () => setShown("dry_run"),
          run: () => setShown(dirty ? "save_and_run" : "run"),
          copy: toClipboard,
          paste: () => void fromClipboard(),
          discard: () => setShown("discard"),
        }}
      />
      <div className="notices">
        {restored && dirty && (
          <p className="notice row" role="status">
            {t("editor.restored", { when: ago(new Date(restored.at).toISOString(), Date.now()) })}
            <button type="button" className="small" onClick={() => setShown("discard")}>
              {t("editor.discard")}
            </button>
            <button type="button" className="plain small" aria-label={t("ui.close")} onClick={() => setRestored(null)}>
              <Icon name="close" />
            </button>
          </p>
        )}
        {overtaken && (
          <p className="notice row" role="status">
            {t("editor.overtaken", { version: newest.version })}
            <button type="button" className="small" onClick={() => setShown("save")}>
              {t("editor.look_at_it")}
            </button>
          </p>
        )}
        {!editable && id !== null && may.make(me) && (
          <p className="notice">
            {t("editor.clone_hint")} <Link href={`/workflows/${id}`}>{t("editor.back")}</Link>
          </p>
        )}
      </div>
      {editable && <Palette disabled={unreadable} onAdd={add} />}
      <section className="middle" aria-label={t("editor.graph")}>
        {!narrow && (
          <div className="switch" role="group" aria-label={t("editor.view")}>
            <button type="button" aria-pressed={view === "canvas"} onClick={() => setView("canvas")}>
              {t("editor.canvas")}
            </button>
            <button type="button" aria-pressed={view === "outline"} onClick={() => setView("outline")}>
              {t("editor.outline")}
            </button>
            <span className="fine faint">{t("editor.task_count", { count: model.tasks.length })}</span>
          </div>
        )}
        {unreadable && (
          <p className="notice" role="status">
            {t("editor.last_good")}
          </p>
        )}
        <div className="stage">
          {listed ? (
            <Outline
              editing={editing}
              problems={problems}
              editable={editable && !unreadable}
              dispatch={dispatch}
              onRemove={remove}
            />
          ) : (
            <Suspense fallback={<Loading />}>
              <Canvas
                model={model}
                places={editing.places}
                selected={selected}
                problems={problems}
                editable={editable && !unreadable}
                reveal={reveal}
                onSelect={select}
                onPlace={(places) => dispatch({ type: "place", places })}
                onConnect={join}
                onAdd={add}
                onOpen={() => toField("/name")}
                onFit={actions.fit}
                onDisconnect={(links) =>
                  !blocked() &&
                  text(
                    disconnect(
                      model,
                      links.map(({ from, to }) => ({ from, to: model.byId.get(to)?.name ?? to })),
                    ),
                  )
                }
              />
            </Suspense>
          )}
          {empty && <Start editable={editable} onAdd={add} />}
        </div>
      </section>
      <Panel
        tab={tab}
        editing={editing}
        problems={problems}
        editable={editable}
        attachments={attachments}
        goal={goal}
        field={field}
        dispatch={dispatch}
        onTab={(next) => {
          setTab(next);
          setField(null);
        }}
      />
      {may.make(me) && (
        <ProblemList
          problems={problems}
          warnings={warnings}
          checks={checks}
          unreadable={unreadable}
          empty={current.text.trim() === ""}
          onGo={goTo}
        />
      )}

      {(shown === "save" || shown === "save_and_run") && (
        <SaveDialog
          id={id}
          editing={editing}
          because={because}
          onSaved={saved}
          onTheirs={adopt}
          onClose={() => setShown(null)}
        />
      )}
      {shown === "run" && id !== null && (
        <RunDialog id={id} name={name} parameters={parameters} onClose={() => setShown(null)} />
      )}
      {shown === "dry_run" && <DryRun editing={editing} onClose={() => setShown(null)} />}
      {shown === "shortcuts" && <Shortcuts onClose={() => setShown(null)} />}
      {shown === "discard" && (
        <Confirm
          title={t("editor.discard")}
          action={t("editor.discard")}
          danger
          onClose={() => setShown(null)}
          onConfirm={async () => adopt(base)}
        >
          <p>
            {base.version === null
              ? t("editor.discard_new", { name })
              : t("editor.discard_what", { name, version: base.version })}
          </p>
        </Confirm>
      )}
    </DropZone>
  );
}
