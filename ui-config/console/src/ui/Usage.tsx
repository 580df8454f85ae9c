import { QUOTAS, type Quotas } from "../api/quotas";
import { number, size } from "../text/format";
import { t } from "../text/text";

/** What somebody has of what may be had, as bars with their numbers. */
export function Usage({ quotas }: { quotas: Quotas }) {
  return (
    <dl className="usage">
      {QUOTAS.map((name) => {
        const used = quotas[name]?.used ?? 0;
        const allowed = quotas[name]?.allowed ?? null;
        const told = name === "stored_bytes" ? size : number;
        const label = t(`quota.${name}`);
        return (
          <div key={name}>
            <dt>{label}</dt>
            <dd>
              {allowed === null
                ? t("quota.unlimited", { used: told(used) })
                : t("quota.of", { used: told(used), allowed: told(allowed) })}
              {allowed !== null && (
                <meter aria-label={label} value={used} max={Math.max(allowed, 1)} high={allowed * 0.9} />
              )}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}
