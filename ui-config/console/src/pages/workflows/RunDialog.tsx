import { type FormEvent, useState } from "react";
import { useLocation } from "wouter";
import { useStartRun } from "../../api/workflows";
import { t } from "../../text/text";
import { Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { Problem } from "../../ui/states";
import { tell } from "../../ui/toasts";
import { ParameterFields } from "../../components/ParameterFields";
import { changed, startingTexts, wrong } from "../../components/parameters";

interface Props {
  workflow: { id: string; name: string; spec: Record<string, unknown> };
  onClose: () => void;
}

/** Asks for the parameters of a run, each as what its default is, and starts it. */
export function RunDialog({ workflow, onClose }: Props) {
  const defaults = (workflow.spec.parameters ?? {}) as Record<string, unknown>;
  const names = Object.keys(defaults);
  const [texts, setTexts] = useState(() => startingTexts(defaults));
  const [deadline, setDeadline] = useState("");
  const [key] = useState(() => `${Date.now()}-${Math.random()}`);
  const [, go] = useLocation();
  const start = useStartRun();
  const faulty = wrong(texts, defaults);
  function submit(event: FormEvent) {
    event.preventDefault();
    if (faulty.length > 0) return;
    start.mutate(
      { id: workflow.id, key, parameters: changed(texts, defaults), deadline: deadline.trim() || null },
      {
        onSuccess: (run) => {
          tell(t("workflow.started", { name: workflow.name }));
          go(`/runs/${run.id}`);
        },
      },
    );
  }
  return (
    <Dialog title={t("workflow.run_title", { name: workflow.name })} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        {names.length === 0 ? (
          <p>{t("workflow.no_parameters")}</p>
        ) : (
          <p className="faint">{t("workflow.parameters_hint")}</p>
        )}
        <ParameterFields defaults={defaults} texts={texts} onChange={setTexts} />
        <Field label={t("workflow.deadline")} hint={t("workflow.deadline_hint")}>
          <input value={deadline} onChange={(event) => setDeadline(event.target.value)} autoComplete="off" />
        </Field>
        {start.isError && <Problem error={start.error} />}
        <div className="row">
          <button type="submit" className="primary" disabled={start.isPending || faulty.length > 0}>
            {t("workflow.start")}
          </button>
          <button type="button" onClick={onClose}>
            {t("ui.cancel")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
