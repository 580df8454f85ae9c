import { type FormEvent, useId, useState } from "react";
import { useLocation } from "wouter";
import { useStartRun } from "../../api/workflows";
import { t } from "../../text/text";
import { Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { Problem } from "../../ui/states";
import { tell } from "../../ui/toasts";
import { changed, kindOf, wrong, written } from "./parameters";

interface Props {
  workflow: { id: string; name: string; spec: Record<string, unknown> };
  onClose: () => void;
}

/** Asks for the parameters of a run, each as what its default is, and starts it. */
export function RunDialog({ workflow, onClose }: Props) {
  const defaults = (workflow.spec.parameters ?? {}) as Record<string, unknown>;
  const names = Object.keys(defaults);
  const [texts, setTexts] = useState<Record<string, string>>(() =>
    Object.fromEntries(names.map((name) => [name, written(defaults[name])])),
  );
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
        {names.length === 0 ? <p>{t("workflow.no_parameters")}</p> : <p className="faint">{t("workflow.parameters_hint")}</p>}
        {names.map((name) => (
          <Parameter key={name} name={name} standard={defaults[name]} text={texts[name]!} faulty={faulty.includes(name)}
            onChange={(text) => setTexts({ ...texts, [name]: text })} />
        ))}
        <Field label={t("workflow.deadline")} hint={t("workflow.deadline_hint")}>
          <input value={deadline} onChange={(event) => setDeadline(event.target.value)} autoComplete="off" />
        </Field>
        {start.isError && <Problem error={start.error} />}
        <div className="row">
          <button type="submit" className="primary" disabled={start.isPending || faulty.length > 0}>{t("workflow.start")}</button>
          <button type="button" onClick={onClose}>{t("ui.cancel")}</button>
        </div>
      </form>
    </Dialog>
  );
}

interface ParameterProps {
  name: string;
  standard: unknown;
  text: string;
  faulty: boolean;
  onChange: (text: string) => void;
}

function Parameter({ name, standard, text, faulty, onChange }: ParameterProps) {
  const kind = kindOf(standard);
  const id = useId();
  if (kind === "truth") {
    return (
      <label className="check" htmlFor={id}>
        <input id={id} type="checkbox" checked={text === "true"} onChange={(event) => onChange(String(event.target.checked))} />
        {name}
      </label>
    );
  }
  if (kind === "json") {
    return (
      <Field label={name} hint={t("workflow.json_hint")} fault={faulty ? t("workflow.json_wrong") : null}>
        <textarea className="mono" rows={3} value={text} onChange={(event) => onChange(event.target.value)} spellCheck={false} />
      </Field>
    );
  }
  return (
    <Field label={name} hint={t("workflow.default", { value: written(standard) })} fault={faulty ? t("workflow.number_wrong") : null}>
      <input value={text} inputMode={kind === "number" ? "decimal" : undefined} onChange={(event) => onChange(event.target.value)} autoComplete="off" />
    </Field>
  );
}
