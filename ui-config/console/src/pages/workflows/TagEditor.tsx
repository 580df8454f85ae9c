import { type FormEvent, useState } from "react";
import { Link } from "wouter";
import { useTagWorkflow, type Workflow } from "../../api/workflows";
import { t } from "../../text/text";
import { Icon } from "../../ui/Icon";
import { Problem } from "../../ui/states";

/** The tags of a workflow; its owner adds and removes them without a new version. */
export function TagEditor({ workflow, editable }: { workflow: Workflow; editable: boolean }) {
  const [tag, setTag] = useState("");
  const [adding, setAdding] = useState(false);
  const change = useTagWorkflow(workflow.id);
  function submit(event: FormEvent) {
    event.preventDefault();
    const add = tag.split(/[\s,;]+/).filter(Boolean);
    if (add.length > 0) change.mutate({ add }, { onSuccess: () => setTag("") });
  }
  if (!editable && workflow.tags.length === 0) return null;
  return (
    <div className="stack">
      <div className="tags" role="group" aria-label={t("workflow.tags")}>
        {workflow.tags.map((each) => (
          <span key={each} className="tag">
            <Link href={`/workflows?tag=${encodeURIComponent(each)}`}>{each}</Link>
            {editable && (
              <button
                type="button"
                className="plain off"
                disabled={change.isPending}
                onClick={() => change.mutate({ remove: [each] })}
                aria-label={t("workflow.remove_tag", { tag: each })}
              >
                <Icon name="close" size={12} />
              </button>
            )}
          </span>
        ))}
        {editable && !adding && (
          <button type="button" className="plain small" onClick={() => setAdding(true)}>
            <Icon name="add" size={12} />
            {t("workflow.add_tag")}
          </button>
        )}
        {adding && (
          <form className="row" onSubmit={submit} onKeyDown={(event) => event.key === "Escape" && setAdding(false)}>
            <input
              className="short"
              aria-label={t("workflow.new_tag")}
              value={tag}
              onChange={(event) => setTag(event.target.value)}
              autoFocus
              autoComplete="off"
              maxLength={100}
            />
            <button type="submit" className="small" disabled={change.isPending || tag.trim() === ""}>
              {t("workflow.add_tag")}
            </button>
          </form>
        )}
      </div>
      {change.isError && <Problem error={change.error} />}
    </div>
  );
}
