import { type FormEvent, useState } from "react";
import { invite, PEOPLE_ROLES, type PersonRole, welcomeAddress } from "../../api/people";
import { t } from "../../text/text";
import { Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { Secret } from "../../ui/Secret";
import { Problem } from "../../ui/states";
import { useAttempt } from "../../ui/useAttempt";

const DAY = 86_400; // s
const LASTS = [1, 3, 7, 30] as const;

/** Invites somebody; the link is shown once. */
export function InviteDialog({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [role, setRole] = useState<PersonRole>("submitter");
  const [days, setDays] = useState(3);
  const [code, setCode] = useState<string | null>(null);
  const { busy, error, attempt } = useAttempt();
  function submit(event: FormEvent) {
    event.preventDefault();
    void attempt(async () => setCode((await invite({ role, name: name.trim() || null, expires_in: days * DAY })).code));
  }
  if (code !== null) {
    return (
      <Secret
        title={t("invite.made")}
        hint={t("invite.made_hint", { days })}
        text={welcomeAddress(code)}
        copy={t("tokens.copy_link")}
        onClose={onClose}
      />
    );
  }
  return (
    <Dialog title={t("invite.title")} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        <Field label={t("invite.name")} hint={t("invite.name_hint")}>
          <input
            value={name}
            onChange={(event) => setName(event.target.value)}
            pattern="[a-z0-9][a-z0-9._\-]{0,63}"
            autoComplete="off"
            autoCapitalize="none"
            autoFocus
          />
        </Field>
        <Field label={t("people.role")} hint={t(`role.${role}_may`)}>
          <select value={role} onChange={(event) => setRole(event.target.value as PersonRole)}>
            {PEOPLE_ROLES.map((each) => (
              <option key={each} value={each}>
                {t(`role.${each}`)}
              </option>
            ))}
          </select>
        </Field>
        <Field label={t("tokens.lasts")}>
          <select value={days} onChange={(event) => setDays(Number(event.target.value))}>
            {LASTS.map((each) => (
              <option key={each} value={each}>
                {t("ui.days", { count: each })}
              </option>
            ))}
          </select>
        </Field>
        {error !== null && <Problem error={error} />}
        <div className="row">
          <button type="submit" className="primary" disabled={busy}>
            {t("invite.action")}
          </button>
          <button type="button" onClick={onClose}>
            {t("ui.cancel")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
