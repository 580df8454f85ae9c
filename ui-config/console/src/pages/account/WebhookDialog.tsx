import { type FormEvent, useState } from "react";
import { createWebhook, EVENT_TYPES } from "../../api/webhooks";
import { t } from "../../text/text";
import { Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { Secret } from "../../ui/Secret";
import { Problem } from "../../ui/states";
import { useAttempt } from "../../ui/useAttempt";

/** Makes a webhook; the secret that its messages are signed with is shown once. */
export function WebhookDialog({ onClose }: { onClose: () => void }) {
  const [url, setUrl] = useState("");
  const [description, setDescription] = useState("");
  const [types, setTypes] = useState<readonly string[]>(["run.completed", "run.failed"]);
  const [secret, setSecret] = useState<string | null>(null);
  const { busy, error, attempt } = useAttempt();
  function submit(event: FormEvent) {
    event.preventDefault();
    void attempt(async () =>
      setSecret((await createWebhook({ url: url.trim(), types: [...types], description: description.trim() })).secret),
    );
  }
  if (secret !== null)
    return (
      <Secret
        title={t("webhooks.made")}
        hint={t("webhooks.made_hint")}
        text={secret}
        copy={t("webhooks.copy_secret")}
        onClose={onClose}
      />
    );
  return (
    <Dialog title={t("webhooks.new")} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        <Field label={t("webhooks.url")} hint={t("webhooks.url_hint")}>
          <input
            type="url"
            value={url}
            onChange={(event) => setUrl(event.target.value)}
            required
            maxLength={2000}
            autoComplete="off"
            autoFocus
          />
        </Field>
        <Field label={t("webhooks.description")}>
          <input
            value={description}
            onChange={(event) => setDescription(event.target.value)}
            maxLength={500}
            autoComplete="off"
          />
        </Field>
        <fieldset className="stack">
          <legend>{t("webhooks.types")}</legend>
          {EVENT_TYPES.map((type) => (
            <label key={type} className="check">
              <input
                type="checkbox"
                checked={types.includes(type)}
                onChange={(event) =>
                  setTypes(event.target.checked ? [...types, type] : types.filter((each) => each !== type))
                }
              />
              <span>
                {t(`hook.${type}`)} <code className="faint">{type}</code>
              </span>
            </label>
          ))}
        </fieldset>
        {error !== null && <Problem error={error} />}
        <div className="row">
          <button type="submit" className="primary" disabled={busy || url.trim() === "" || types.length === 0}>
            {t("webhooks.create")}
          </button>
          <button type="button" onClick={onClose}>
            {t("ui.cancel")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
