import "./share.css";
import { type FormEvent, useState } from "react";
import { type ListedWorkflow, useShareWorkflow, type Workflow } from "../api/workflows";
import { t } from "../text/text";
import { Dialog } from "../ui/Dialog";
import { Field } from "../ui/Field";
import { Icon } from "../ui/Icon";
import { Problem } from "../ui/states";

const EVERYBODY = "*";

/** Who may read a workflow and its runs. */
export function ShareDialog({ workflow, onClose }: { workflow: ListedWorkflow | Workflow; onClose: () => void }) {
  const [name, setName] = useState("");
  const share = useShareWorkflow(workflow.id);
  const others = workflow.readers.filter((reader) => reader !== workflow.owner);
  function submit(event: FormEvent) {
    event.preventDefault();
    share.mutate({ add: name.split(/[\s,;]+/).filter(Boolean) }, { onSuccess: () => setName("") });
  }
  return (
    <Dialog title={t("share.title", { name: workflow.name })} onClose={onClose}>
      <p className="faint">{t("share.hint")}</p>
      <ul className="people">
        <li>{t("share.owner", { name: workflow.owner })}</li>
        {others.map((reader) => (
          <li key={reader} className="row">
            <span>{reader === EVERYBODY ? t("share.everybody") : reader}</span>
            <button
              type="button"
              className="plain small"
              disabled={share.isPending}
              onClick={() => share.mutate({ remove: [reader] })}
              aria-label={t("share.remove", { name: reader === EVERYBODY ? t("share.everybody") : reader })}
            >
              <Icon name="close" />
            </button>
          </li>
        ))}
      </ul>
      <form className="stack" onSubmit={submit}>
        <Field label={t("share.names")} hint={t("share.names_hint")}>
          <input
            value={name}
            onChange={(event) => setName(event.target.value)}
            autoComplete="off"
            autoCapitalize="none"
          />
        </Field>
        {share.isError && <Problem error={share.error} />}
        <div className="row">
          <button type="submit" className="primary" disabled={share.isPending || name.trim() === ""}>
            {t("share.add")}
          </button>
          {!others.includes(EVERYBODY) && (
            <button type="button" disabled={share.isPending} onClick={() => share.mutate({ add: [EVERYBODY] })}>
              {t("share.add_everybody")}
            </button>
          )}
          <button type="button" onClick={onClose}>
            {t("ui.close")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
