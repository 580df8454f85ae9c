import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useLocation } from "wouter";
import { write } from "../../api/exact";
import { own } from "../../api/own";
import { type Run, specQuery, useRerun } from "../../api/runs";
import { t } from "../../text/text";
import { Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { Problem } from "../../ui/states";
import { isJson, read, written } from "./parameters";

/** A new run of the same version; what is changed here wins over what this run had. */
export function RerunDialog({ run, onClose }: { run: Run; onClose: () => void }) {
  const version = useQuery(specQuery(run));
  const rerun = useRerun(run.id);
  const [, go] = useLocation();
  const [typed, setTyped] = useState<Record<string, string>>({});
  const standard = (version.data?.spec.parameters ?? {}) as Record<string, unknown>;
  const values = { ...standard, ...run.parameters };
  const answers = Object.entries(typed).map(([name, text]) => [name, read(text, values[name])] as const);
  const wrong = new Set(answers.filter(([, answer]) => answer === null).map(([name]) => name));
  function start(event: FormEvent) {
    event.preventDefault();
    const changed = answers.filter(([name, answer]) => answer && write(answer.value) !== write(values[name]));
    rerun.mutate(Object.fromEntries(changed.map(([name, answer]) => [name, answer!.value])), {
      onSuccess: (made) => {
        onClose();
        go(`/runs/${made.id}`);
      },
    });
  }
  return (
    <Dialog title={t("run.rerun_title", { name: run.name })} onClose={onClose}>
      <form className="stack" onSubmit={start}>
        <p>{Object.keys(values).length === 0 ? t("run.rerun_no_parameters") : t("run.rerun_what")}</p>
        {Object.entries(values).map(([name, value]) => {
          const text = own(typed, name) ?? written(value);
          const set = (to: string) => setTyped({ ...typed, [name]: to });
          return (
            <Field
              key={name}
              label={name}
              fault={wrong.has(name) ? t("run.parameter_wrong", { value: written(value) }) : null}
            >
              {isJson(value) ? (
                <textarea rows={3} className="mono" value={text} onChange={(event) => set(event.target.value)} />
              ) : (
                <input value={text} onChange={(event) => set(event.target.value)} autoComplete="off" />
              )}
            </Field>
          );
        })}
        {rerun.isError && <Problem error={rerun.error} />}
        <div className="row">
          <button type="submit" className="primary" disabled={rerun.isPending || wrong.size > 0}>
            {t("run.rerun_action")}
          </button>
          <button type="button" onClick={onClose}>
            {t("ui.cancel")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
