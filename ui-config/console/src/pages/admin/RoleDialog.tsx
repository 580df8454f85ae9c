import { type FormEvent, useState } from "react";
import type { Role } from "../../api/me";
import { giveRole, PEOPLE_ROLES, type Person } from "../../api/people";
import { t } from "../../text/text";
import { Dialog } from "../../ui/Dialog";
import { Problem } from "../../ui/states";
import { tell } from "../../ui/toasts";
import { useAttempt } from "../../ui/useAttempt";

/** What somebody may do. */
export function RoleDialog({ person, onClose }: { person: Person; onClose: () => void }) {
  const [role, setRole] = useState<Role>(person.role);
  const { busy, error, attempt } = useAttempt();
  const { name } = person;
  function submit(event: FormEvent) {
    event.preventDefault();
    void attempt(async () => {
      await giveRole(name, role);
      tell(t("people.role_changed", { name }));
      onClose();
    });
  }
  return (
    <Dialog title={t("people.role_title", { name })} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        <p className="faint">{t("people.role_hint", { name })}</p>
        {PEOPLE_ROLES.map((each) => (
          <label key={each} className="check">
            <input type="radio" name="role" checked={role === each} onChange={() => setRole(each)} />
            <span>
              <strong>{t(`role.${each}`)}</strong>
              <br />
              {t(`role.${each}_may`)}
            </span>
          </label>
        ))}
        {error !== null && <Problem error={error} />}
        <div className="row">
          <button type="submit" className="primary" disabled={busy || role === person.role}>
            {t("people.change_role")}
          </button>
          <button type="button" onClick={onClose}>
            {t("ui.cancel")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
