import "./editor.css";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Link, useSearchParams } from "wouter";
import { may, useMe } from "../../api/me";
import { templateQuery, versionQuery, workflowQuery, yamlQuery } from "../../api/workflows";
import { t } from "../../text/text";
import { Empty, Loading, Problem } from "../../ui/states";
import { draftOf } from "./drafts";
import { Editor, type Opening } from "./Editor";
import { handedOver, handOver } from "./editing";

/** /workflows/new, with ?template=NAME where one is to begin with, and /workflows/ID/edit. */
export default function EditorPage({ id }: { id?: string }) {
  const me = useMe();
  const [query] = useSearchParams();
  const template = id === undefined ? query.get("template") : null;
  if (id === undefined && !may.make(me)) {
    return (
      <div className="page">
        <Empty
          title={t("editor.readers_only")}
          action={
            <Link href="/workflows" className="button">
              {t("shell.workflows")}
            </Link>
          }
        >
          {t("editor.readers_only_why")}
        </Empty>
      </div>
    );
  }
  return id === undefined ? <New key={template ?? ""} template={template} /> : <Existing id={id} />;
}

function useDraft(draftId: string) {
  const me = useMe();
  return useQuery({
    queryKey: ["drafts", me.name, draftId],
    queryFn: () => draftOf(me.name, draftId).catch(() => null),
    meta: { kept: false },
    gcTime: 0,
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
  });
}

/** What was opened stays open, whatever is loaded anew meanwhile. */
function Opened({ opening, error, again }: { opening: Opening | null; error: unknown; again: () => void }) {
  const [first, setFirst] = useState<Opening | null>(opening);
  if (!first && opening) setFirst(opening);
  useEffect(() => {
    if (first?.handed) handOver(null);
  }, [first]);
  if (first) return <Editor opening={first} />;
  return error ? (
    <div className="page">
      <Problem error={error} again={again} />
    </div>
  ) : (
    <Loading />
  );
}

function New({ template }: { template: string | null }) {
  const me = useMe();
  const draftId = template === null ? "new" : `new ${template}`;
  const draft = useDraft(draftId);
  const found = useQuery({ ...templateQuery(template ?? ""), enabled: template !== null });
  const ready = !draft.isPending && (template === null || found.data !== undefined || draft.data);
  const opening: Opening | null = ready
    ? {
        id: null,
        draftId,
        // a template is something to save, so it is compared with nothing
        base: { version: null, text: "", files: {} },
        draft: draft.data ?? null,
        handed: null,
        owner: me.name,
        template: found.data ?? null,
      }
    : null;
  return <Opened opening={opening} error={found.error} again={() => void found.refetch()} />;
}

function Existing({ id }: { id: string }) {
  const handed = handedOver(id);
  const draft = useDraft(id);
  const workflow = useQuery(workflowQuery(id));
  // a draft is compared with the version that it was begun from, which may not be the newest any more
  const number = draft.isPending ? undefined : (draft.data?.version ?? workflow.data?.version);
  const text = useQuery({ ...yamlQuery(id, number), enabled: number !== undefined });
  const version = useQuery({ ...versionQuery(id, number ?? 0), enabled: number !== undefined });
  const opening: Opening | null = handed
    ? {
        id,
        draftId: id,
        base: handed.editing.base,
        draft: null,
        handed,
        owner: workflow.data?.owner ?? "",
        template: null,
      }
    : !draft.isPending && workflow.data && text.data !== undefined && version.data && number !== undefined
      ? {
          id,
          draftId: id,
          base: { version: number, text: text.data, files: version.data.files },
          draft: draft.data ?? null,
          handed: null,
          owner: workflow.data.owner,
          template: null,
        }
      : null;
  const error = workflow.error ?? text.error ?? version.error;
  return (
    <Opened
      opening={opening}
      error={error}
      again={() => void (workflow.refetch(), text.refetch(), version.refetch())}
    />
  );
}
