import { type FormEvent, useRef, useState } from "react";
import { useLocation } from "wouter";
import { write } from "../../api/exact";
import { useStartRun } from "../../api/workflows";
import { t } from "../../text/text";
import { Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { Problem } from "../../ui/states";
import { ParameterFields } from "../../components/ParameterFields";
import { changed, startingTexts, wrong } from "../../components/parameters";
import { numberOr } from "./values";

/** Starts a run of the saved workflow, with other values for its parameters where one likes. */
export function RunDialog({
  id,
  name,
  parameters,
  onClose,
}: {
  id: string;
  name: string;
  parameters: Record<string, unknown>;
  onClose: () => void;
}) {
  const [texts, setTexts] = useState(() => startingTexts(parameters));
  const [deadline, setDeadline] = useState("");
  const [, go] = useLocation();
  const start = useStartRun();
  const key = useRef<{ key: string; content: string } | null>(null);
  function submit(event: FormEvent) {
    event.preventDefault();
    const body = {
      id,
      parameters: changed(texts, parameters),
      deadline: (numberOr(deadline) as string | number | undefined) ?? null,
    };
    const content = write(body);
    if (key.current?.content !== content) key.current = { key: `${Date.now()}-${Math.random()}`, content };
    start.mutate({ ...body, key: key.current.key }, { onSuccess: (run) => go(`/runs/${run.id}`) });
  }
  return (
    <Dialog title={t("editor.run_title", { name })} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        <p>{Object.keys(parameters).length ? t("editor.run_parameters") : t("editor.run_no_parameters")}</p>
        <ParameterFields defaults={parameters} texts={texts} onChange={setTexts} />
        <Field label={t("editor.field.deadline")} hint={t("editor.hint.deadline")}>
          <input
            value={deadline}
            onChange={(event) => setDeadline(event.target.value)}
            placeholder={"6h"}
            autoComplete="off"
          />
        </Field>
        {start.isError && <Problem error={start.error} />}
        <div className="row">
          <button type="submit" className="primary" disabled={start.isPending || wrong(texts, parameters).length > 0}>
            {t("editor.run_start")}
          </button>
          <button type="button" onClick={onClose}>
            {t("ui.cancel")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
