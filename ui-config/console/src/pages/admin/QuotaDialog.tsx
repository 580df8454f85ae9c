import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { type OnePerson, personQuery, setQuota } from "../../api/people";
import { QUOTAS } from "../../api/quotas";
import { t } from "../../text/text";
import { Dialog } from "../../ui/Dialog";
import { Loading, Problem } from "../../ui/states";
import { tell } from "../../ui/toasts";
import { Usage } from "../../ui/Usage";
import { useAttempt } from "../../ui/useAttempt";
import { type Limit, limitsOf, quotaOf } from "./quota";

/** What somebody has and may have. */
export function QuotaDialog({ name, onClose }: { name: string; onClose: () => void }) {
  const person = useQuery(personQuery(name));
  return (
    <Dialog title={t("quota.title", { name })} onClose={onClose}>
      {person.data ? (
        <QuotaForm person={person.data} onClose={onClose} />
      ) : person.isError ? (
        <Problem error={person.error} again={() => void person.refetch()} />
      ) : (
        <Loading />
      )}
    </Dialog>
  );
}

function QuotaForm({ person, onClose }: { person: OnePerson; onClose: () => void }) {
  const [limits, setLimits] = useState(() => limitsOf(person.quota));
  const { busy, error, attempt } = useAttempt();
  const quota = quotaOf(limits);
  function submit(event: FormEvent) {
    event.preventDefault();
    if (quota === null) return;
    void attempt(async () => {
      await setQuota(person.name, quota);
      tell(t("quota.changed", { name: person.name }));
      onClose();
    });
  }
  return (
    <form className="stack" onSubmit={submit}>
      <Usage quotas={person.quotas} />
      <h3>{t("quota.own")}</h3>
      {QUOTAS.map((name) => {
        const limit = limits[name];
        const put = (next: Partial<Limit>) => setLimits({ ...limits, [name]: { ...limit, ...next } });
        return (
          <div key={name} className="limit" role="group" aria-label={t(`quota.${name}`)}>
            <span>{t(`quota.${name}`)}</span>
            <select
              aria-label={t("quota.way", { what: t(`quota.${name}`) })}
              value={limit.way}
              onChange={(event) => put({ way: event.target.value as Limit["way"] })}
            >
              <option value="role">{t("quota.as_role")}</option>
              <option value="none">{t("quota.no_limit")}</option>
              <option value="own">{t("quota.at_most")}</option>
            </select>
            {limit.way === "own" && (
              <input
                aria-label={
                  name === "stored_bytes" ? t("quota.gigabytes") : t("quota.amount", { what: t(`quota.${name}`) })
                }
                placeholder={name === "stored_bytes" ? t("quota.gigabytes") : undefined}
                inputMode="decimal"
                value={limit.amount}
                onChange={(event) => put({ amount: event.target.value })}
              />
            )}
          </div>
        );
      })}
      {error !== null && <Problem error={error} />}
      <div className="row">
        <button type="submit" className="primary" disabled={busy || quota === null}>
          {t("quota.save")}
        </button>
        <button type="button" onClick={onClose}>
          {t("ui.cancel")}
        </button>
      </div>
    </form>
  );
}
