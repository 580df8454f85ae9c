import { type FormEvent, useState } from "react";
import { type Run, useSignal } from "../../api/runs";
import { t } from "../../text/text";
import { Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { Problem } from "../../ui/states";
import { tell } from "../../ui/toasts";
import { json } from "./parameters";
import type { Wait } from "./waits";

const OTHER = "";

/** Sends what a task waits for. Who waits now is offered; any other name is kept until a task asks for it. */
export function SignalDialog({ run, waits, onClose }: { run: Run; waits: Wait[]; onClose: () => void }) {
  const [chosen, setChosen] = useState(waits[0]?.signal ?? OTHER);
  const [other, setOther] = useState("");
  const [text, setText] = useState('{"approved": true}');
  const send = useSignal(run.id);
  const name = chosen === OTHER ? other.trim() : chosen;
  const payload = text.trim() === "" ? { value: null } : json(text);
  function submit(event: FormEvent) {
    event.preventDefault();
    if (!payload) return;
    send.mutate(
      { name, payload: payload.value },
      {
        onSuccess: () => {
          tell(t("run.signal_sent", { name }));
          onClose();
        },
      },
    );
  }
  return (
    <Dialog title={t("run.signal_title", { name: run.name })} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        {waits.length > 0 ? (
          <Field label={t("run.signal_name")}>
            <select value={chosen} onChange={(event) => setChosen(event.target.value)}>
              {waits.map(({ task, signal }) => (
                <option key={task} value={signal}>
                  {t("run.signal_of", { signal, task })}
                </option>
              ))}
              <option value={OTHER}>{t("run.signal_other")}</option>
            </select>
          </Field>
        ) : (
          <p>{t("run.signal_nobody")}</p>
        )}
        {chosen === OTHER && (
          <Field label={t("run.signal_new_name")} hint={t("run.signal_kept")}>
            <input
              value={other}
              onChange={(event) => setOther(event.target.value)}
              required
              maxLength={48}
              autoComplete="off"
            />
          </Field>
        )}
        <Field
          label={t("run.signal_payload")}
          hint={t("run.signal_payload_hint")}
          fault={payload ? null : t("run.not_json")}
        >
          <textarea
            rows={4}
            className="mono"
            value={text}
            onChange={(event) => setText(event.target.value)}
            spellCheck={false}
          />
        </Field>
        {send.isError && <Problem error={send.error} />}
        <div className="row">
          <button type="submit" className="primary" disabled={send.isPending || !payload || !name}>
            {t("run.signal_action")}
          </button>
          <button type="button" onClick={onClose}>
            {t("ui.cancel")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
