import { type FormEvent, useRef, useState } from "react";
import { useLocation } from "wouter";
import { useStartRun } from "../../api/workflows";
import { t } from "../../text/text";
import { Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { Problem } from "../../ui/states";
import { Typed } from "./fields";
import { numberOr, textOf, valueOf } from "./values";

/** Starts a run of the saved workflow, with other values for its parameters where one likes. */
export function RunDialog({ id, name, parameters, onClose }: { id: string; name: string; parameters: Readonly<Record<string, unknown>>; onClose: () => void }) {
  const [given, setGiven] = useState<Readonly<Record<string, unknown>>>({});
  const [deadline, setDeadline] = useState("");
  const [, go] = useLocation();
  const start = useStartRun();
  const key = useRef<{ key: string; content: string } | null>(null);
  function submit(event: FormEvent) {
    event.preventDefault();
    const changed = Object.fromEntries(Object.entries(given).filter(([parameter, value]) => value !== undefined && JSON.stringify(value) !== JSON.stringify(parameters[parameter])));
    const body = { id, parameters: changed, deadline: (numberOr(deadline) as string | number | undefined) ?? null };
    const content = JSON.stringify(body);
    if (key.current?.content !== content) key.current = { key: `${Date.now()}-${Math.random()}`, content };
    start.mutate({ ...body, key: key.current.key }, { onSuccess: (run) => go(`/runs/${run.id}`) });
  }
  const names = Object.keys(parameters);
  return (
    <Dialog title={t("editor.run_title", { name })} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        <p>{names.length ? t("editor.run_parameters") : t("editor.run_no_parameters")}</p>
        {names.map((parameter) => (
          <Field key={parameter} label={parameter}>
            <Typed value={parameter in given ? given[parameter] : parameters[parameter]} reads={valueOf} shows={textOf} onValue={(value: unknown) => setGiven({ ...given, [parameter]: value })} />
          </Field>
        ))}
        <Field label={t("editor.field.deadline")} hint={t("editor.hint.deadline")}>
          <input value={deadline} onChange={(event) => setDeadline(event.target.value)} placeholder={"6h"} autoComplete="off" />
        </Field>
        {start.isError && <Problem error={start.error} />}
        <div className="row">
          <button type="submit" className="primary" disabled={start.isPending}>{t("editor.run_start")}</button>
          <button type="button" onClick={onClose}>{t("ui.cancel")}</button>
        </div>
      </form>
    </Dialog>
  );
}
