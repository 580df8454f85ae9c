import { type FormEvent, useState } from "react";
import { useMe } from "../../api/me";
import { changePassword } from "../../api/people";
import { t } from "../../text/text";
import { Field } from "../../ui/Field";
import { Problem } from "../../ui/states";
import { tell } from "../../ui/toasts";
import { useAttempt } from "../../ui/useAttempt";

/** Changes one's own password; other sessions end. */
export function PasswordForm() {
  const me = useMe();
  const [old, setOld] = useState("");
  const [next, setNext] = useState("");
  const [again, setAgain] = useState("");
  const { busy, error, attempt } = useAttempt();
  const differ = again !== "" && again !== next;
  function submit(event: FormEvent) {
    event.preventDefault();
    if (next !== again) return;
    void attempt(async () => {
      await changePassword({ old, new: next });
      setOld("");
      setNext("");
      setAgain("");
      tell(t("account.password_changed"));
    });
  }
  return (
    <form className="stack" onSubmit={submit}>
      <input type="text" name="username" autoComplete="username" value={me.name} readOnly hidden />
      <Field label={t("account.old")}>
        <input
          type="password"
          value={old}
          onChange={(event) => setOld(event.target.value)}
          autoComplete="current-password"
          required
        />
      </Field>
      <Field label={t("account.new")} hint={t("welcome.password_hint")}>
        <input
          type="password"
          value={next}
          onChange={(event) => setNext(event.target.value)}
          autoComplete="new-password"
          minLength={10}
          required
        />
      </Field>
      <Field label={t("account.again")} fault={differ ? t("account.differ") : null}>
        <input
          type="password"
          value={again}
          onChange={(event) => setAgain(event.target.value)}
          autoComplete="new-password"
          required
        />
      </Field>
      {error !== null && <Problem error={error} />}
      <div>
        <button type="submit" className="primary" disabled={busy || next !== again || next === ""}>
          {t("account.change")}
        </button>
      </div>
    </form>
  );
}
