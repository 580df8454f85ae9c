import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useRef, useState } from "react";
import { ProblemError } from "../../api/problem";
import { queries } from "../../api/queries";
import {
  useCreateWorkflow,
  useEditWorkflow,
  versionQuery,
  type Workflow,
  workflowQuery,
  yamlQuery,
} from "../../api/workflows";
import { t } from "../../text/text";
import { Ago } from "../../ui/Ago";
import { Dialog } from "../../ui/Dialog";
import { Loading, Problem } from "../../ui/states";
import { Differences } from "./Differences";
import { type Base, type Editing, hashesOf } from "./editing";

interface Props {
  id: string | null;
  editing: Editing;
  /** Why it cannot be saved now. */
  because: string | null;
  onSaved: (workflow: Workflow, base: Base) => void;
  /** Take theirs instead of the draft. */
  onTheirs: (base: Base) => void;
  onClose: () => void;
}

/** Shows what will be saved, and saves it. */
export function SaveDialog({ id, editing, because, onSaved, onTheirs, onClose }: Props) {
  const create = useCreateWorkflow();
  const edit = useEditWorkflow(id ?? "");
  const key = useRef<{ key: string; content: string } | null>(null);
  const content = { spec: editing.history.now.text, files: hashesOf(editing.files) };
  const current = useQuery({ ...workflowQuery(id ?? ""), enabled: id !== null }).data;
  const stale = edit.error instanceof ProblemError && edit.error.status === 412;
  const theirs =
    id !== null && current && editing.base.version !== null && current.version > editing.base.version ? current : null;

  // while one's own version is on its way it is no other's
  const [conflicted, setConflicted] = useState(false);
  if (!conflicted && (theirs || stale) && !edit.isPending && !edit.isSuccess) setConflicted(true);

  function save(over: number | null) {
    const saved = (workflow: Workflow) => {
      queries.setQueryData(yamlQuery(workflow.id, workflow.version).queryKey, content.spec);
      onSaved(workflow, { version: workflow.version, text: content.spec, files: content.files });
    };
    if (id !== null && over !== null) {
      edit.mutate(
        { ...content, version: over },
        {
          onSuccess: saved,
          onError: (error) => {
            if (error instanceof ProblemError && error.status === 412)
              void queries.invalidateQueries({ queryKey: workflowQuery(id).queryKey, exact: true });
          },
        },
      );
      return;
    }
    const text = JSON.stringify(content);
    if (key.current?.content !== text) key.current = { key: `${Date.now()}-${Math.random()}`, content: text };
    create.mutate({ ...content, key: key.current.key }, { onSuccess: saved });
  }

  if (id !== null && conflicted) {
    return (
      <Dialog title={t("editor.conflict")} wide onClose={onClose}>
        {theirs ? (
          <Conflict
            id={id}
            base={editing.base}
            theirs={theirs}
            busy={edit.isPending}
            because={because}
            onMine={() => save(theirs.version)}
            onTheirs={onTheirs}
            onClose={onClose}
          />
        ) : (
          <Loading />
        )}
        {edit.isError && !stale && <Problem error={edit.error} />}
      </Dialog>
    );
  }
  const busy = create.isPending || edit.isPending;
  const error = create.error ?? edit.error;
  return (
    <Dialog title={id === null ? t("editor.save_new") : t("editor.save_title")} wide onClose={onClose}>
      <form
        className="stack"
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          save(editing.base.version);
        }}
      >
        {id === null ? (
          <p>
            {t("editor.save_new_what", {
              name: String(editing.model.fields.name ?? ""),
              count: editing.model.tasks.length,
            })}
          </p>
        ) : (
          <Differences before={editing.base} after={{ text: content.spec, files: content.files }} />
        )}
        {because !== null && (
          <p className="notice" role="status">
            {because}
          </p>
        )}
        {error && <Problem error={error} />}
        <div className="row">
          <button type="submit" className="primary" disabled={busy || because !== null} autoFocus>
            {busy
              ? t("editor.saving")
              : id === null
                ? t("editor.save")
                : t("editor.save_as_version", { version: (editing.base.version ?? 0) + 1 })}
          </button>
          <button type="button" onClick={onClose}>
            {t("ui.cancel")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** Somebody else saved first: what they changed, and what can be done about it. */
function Conflict({
  id,
  base,
  theirs,
  busy,
  because,
  onMine,
  onTheirs,
  onClose,
}: {
  id: string;
  base: Base;
  theirs: Workflow;
  busy: boolean;
  because: string | null;
  onMine: () => void;
  onTheirs: (base: Base) => void;
  onClose: () => void;
}) {
  const version = useQuery(versionQuery(id, theirs.version));
  const text = useQuery(yamlQuery(id, theirs.version));
  if (version.isError || text.isError)
    return <Problem error={version.error ?? text.error} again={() => void (version.refetch(), text.refetch())} />;
  if (version.isPending || text.isPending) return <Loading />;
  const newest: Base = { version: theirs.version, text: text.data, files: version.data.files };
  return (
    <>
      <p>
        {t("editor.conflict_who", { who: version.data.by, version: theirs.version, yours: base.version ?? 0 })} (
        <Ago at={version.data.created_at} />)
      </p>
      <h3>{t("editor.conflict_changes", { who: version.data.by })}</h3>
      <Differences before={base} after={newest} open />
      {because !== null && (
        <p className="notice" role="status">
          {because}
        </p>
      )}
      <div className="row">
        <button type="button" onClick={onClose} autoFocus>
          {t("editor.conflict_keep")}
        </button>
        <button type="button" disabled={busy || because !== null} onClick={onMine}>
          {t("editor.conflict_mine", { version: theirs.version + 1 })}
        </button>
        <button type="button" disabled={busy} onClick={() => onTheirs(newest)}>
          {t("editor.conflict_theirs", { version: theirs.version })}
        </button>
      </div>
      <p className="fine faint">{t("editor.conflict_hint")}</p>
    </>
  );
}
