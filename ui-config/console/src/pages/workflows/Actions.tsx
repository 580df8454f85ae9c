import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Link, useLocation } from "wouter";
import { may, useMe } from "../../api/me";
import {
  exportHref,
  type ListedWorkflow,
  useArchiveWorkflow,
  useCloneWorkflow,
  useDeleteWorkflow,
  type Workflow,
  workflowQuery,
} from "../../api/workflows";
import { t } from "../../text/text";
import { Confirm, Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { Icon } from "../../ui/Icon";
import { Menu } from "../../ui/Menu";
import { Loading, Problem } from "../../ui/states";
import { tell } from "../../ui/toasts";
import { RunDialog } from "./RunDialog";
import { ShareDialog } from "../../components/ShareDialog";

type Asked = "run" | "clone" | "share" | "archive" | "delete" | null;

const FORMATS = ["yaml", "json", "wfformat"] as const;

/** What can be done with a workflow: a menu, and the windows that it opens. */
export function WorkflowMenu({ workflow, inList }: { workflow: ListedWorkflow | Workflow; inList?: boolean }) {
  const me = useMe();
  const [asked, ask] = useState<Asked>(null);
  const mine = may.change(me, workflow.owner);
  const archived = workflow.archived_at !== null;
  const close = () => ask(null);
  return (
    <>
      <Menu
        className={inList ? "plain" : ""}
        label={
          inList ? (
            <>
              <Icon name="more" size={20} />
              <span className="hidden">{t("workflow.menu", { name: workflow.name })}</span>
            </>
          ) : (
            <>
              {t("workflow.more")}
              <Icon name="down" size={12} />
            </>
          )
        }
      >
        {inList && mine && !archived && (
          <button type="button" onClick={() => ask("run")}>
            <Icon name="play" />
            {t("workflow.run")}
          </button>
        )}
        {inList && mine && (
          <Link className="button" href={`/workflows/${workflow.id}/edit`}>
            <Icon name="edit" />
            {t("workflow.edit")}
          </Link>
        )}
        {may.make(me) && (
          <button type="button" onClick={() => ask("clone")}>
            <Icon name="copy" />
            {t("workflow.clone")}
          </button>
        )}
        {mine && (
          <button type="button" onClick={() => ask("share")}>
            <Icon name="people" />
            {t("workflow.share")}
          </button>
        )}
        {FORMATS.map((format) => (
          <a key={format} className="button" href={exportHref(workflow.id, format)} download>
            <Icon name="download" />
            {t(`workflow.export_${format}`)}
          </a>
        ))}
        {mine && (
          <button type="button" onClick={() => ask("archive")}>
            <Icon name="archive" />
            {archived ? t("workflow.unarchive") : t("workflow.archive")}
          </button>
        )}
        {mine && (
          <button type="button" onClick={() => ask("delete")}>
            <Icon name="trash" />
            {t("workflow.delete")}
          </button>
        )}
      </Menu>
      {asked === "run" && <RunWorkflow id={workflow.id} name={workflow.name} onClose={close} />}
      {asked === "clone" && <CloneDialog workflow={workflow} onClose={close} />}
      {asked === "share" && <ShareDialog workflow={workflow} onClose={close} />}
      {asked === "archive" && <ArchiveDialog workflow={workflow} onClose={close} />}
      {asked === "delete" && <DeleteDialog workflow={workflow} onClose={close} />}
    </>
  );
}

/** Starts a run of a workflow of which only the id is known. */
export function RunWorkflow({ id, name, onClose }: { id: string; name: string; onClose: () => void }) {
  const workflow = useQuery(workflowQuery(id));
  if (workflow.data) return <RunDialog workflow={workflow.data} onClose={onClose} />;
  return (
    <Dialog title={t("workflow.run_title", { name })} onClose={onClose}>
      {workflow.isError ? <Problem error={workflow.error} again={() => void workflow.refetch()} /> : <Loading />}
    </Dialog>
  );
}

interface Props {
  workflow: ListedWorkflow | Workflow;
  onClose: () => void;
}

function CloneDialog({ workflow, onClose }: Props) {
  const [name, setName] = useState(t("workflow.clone_name", { name: workflow.name }));
  const [, go] = useLocation();
  const clone = useCloneWorkflow();
  function submit(event: FormEvent) {
    event.preventDefault();
    clone.mutate(
      { id: workflow.id, name: name.trim() },
      {
        onSuccess: (made) => {
          tell(t("workflow.cloned", { name: made.name }));
          onClose();
          go(`/workflows/${made.id}`);
        },
      },
    );
  }
  return (
    <Dialog title={t("workflow.clone_title", { name: workflow.name })} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        <p className="faint">{t("workflow.clone_hint")}</p>
        <Field label={t("workflow.new_name")}>
          <input
            value={name}
            onChange={(event) => setName(event.target.value)}
            required
            maxLength={200}
            autoFocus
            autoComplete="off"
          />
        </Field>
        {clone.isError && <Problem error={clone.error} />}
        <div className="row">
          <button type="submit" className="primary" disabled={clone.isPending}>
            {t("workflow.clone")}
          </button>
          <button type="button" onClick={onClose}>
            {t("ui.cancel")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function ArchiveDialog({ workflow, onClose }: Props) {
  const archive = useArchiveWorkflow();
  const archived = workflow.archived_at !== null;
  const name = workflow.name;
  return (
    <Confirm
      title={archived ? t("workflow.unarchive_title", { name }) : t("workflow.archive_title", { name })}
      action={archived ? t("workflow.unarchive") : t("workflow.archive")}
      onConfirm={async () => {
        await archive.mutateAsync({ id: workflow.id, archived: !archived });
        tell(archived ? t("workflow.unarchived", { name }) : t("workflow.archived", { name }));
      }}
      onClose={onClose}
    >
      {archived ? t("workflow.unarchive_hint") : t("workflow.archive_hint")}
    </Confirm>
  );
}

function DeleteDialog({ workflow, onClose }: Props) {
  const remove = useDeleteWorkflow();
  const [path, go] = useLocation();
  const name = workflow.name;
  return (
    <Confirm
      title={t("workflow.delete_title", { name })}
      action={t("workflow.delete")}
      name={name}
      danger
      onConfirm={async () => {
        await remove.mutateAsync(workflow.id);
        tell(t("workflow.deleted", { name }));
        if (path !== "/workflows") go("/workflows");
      }}
      onClose={onClose}
    >
      {t("workflow.delete_hint", { name })}
    </Confirm>
  );
}
