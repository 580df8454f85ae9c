import { type FormEvent, useState } from "react";
import { type Run, useShare } from "../../api/runs";
import { t } from "../../text/text";
import { Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { Problem } from "../../ui/states";

const EVERYBODY = "*";

/** Lets others read the run's workflow and all its runs. Who may is known once somebody was added or taken away. */
export function ShareDialog({ run, onClose }: { run: Run; onClose: () => void }) {
  const [typed, setTyped] = useState("");
  const [readers, setReaders] = useState<readonly string[] | null>(null);
  const share = useShare(run.workflow_id);
  const change = (names: string[], off = false) =>
    share.mutate({ names, off }, { onSuccess: (answer) => (setReaders(answer.readers), setTyped("")) });
  function submit(event: FormEvent) {
    event.preventDefault();
    const names = typed.split(/[\s,;]+/).filter(Boolean);
    if (names.length > 0) change(names);
  }
  return (
    <Dialog title={t("run.share_title", { name: run.name })} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        <p>{t("run.share_what")}</p>
        <Field label={t("run.share_names")} hint={t("run.share_hint")}>
          <input value={typed} onChange={(event) => setTyped(event.target.value)} autoComplete="off" />
        </Field>
        {share.isError && <Problem error={share.error} />}
        <div className="row">
          <button type="submit" className="primary" disabled={share.isPending || typed.trim() === ""}>{t("run.share_action")}</button>
          <button type="button" disabled={share.isPending} onClick={() => change([EVERYBODY])}>{t("run.share_everybody")}</button>
          <button type="button" disabled={share.isPending} onClick={() => change([EVERYBODY], true)}>{t("run.share_not_everybody")}</button>
          <button type="button" onClick={onClose}>{t("ui.close")}</button>
        </div>
        {readers && (
          <ul className="plain-list" aria-label={t("run.readers")}>
            {readers.map((reader) => (
              <li key={reader} className="row">
                {reader === EVERYBODY ? t("run.everybody") : reader}
                {reader !== run.owner && (
                  <button type="button" className="small plain" aria-label={t("run.share_remove", { name: reader })} onClick={() => change([reader], true)}>
                    {t("run.share_remove_short")}
                  </button>
                )}
              </li>
            ))}
          </ul>
        )}
      </form>
    </Dialog>
  );
}
