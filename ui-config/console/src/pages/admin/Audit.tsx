import { useInfiniteQuery } from "@tanstack/react-query";
import { type AuditFilter, auditQuery, type Entry } from "../../api/people";
import { moment } from "../../text/format";
import { t } from "../../text/text";
import { Field } from "../../ui/Field";
import { More } from "../../ui/More";
import { Scroll } from "../../ui/Scroll";
import { SearchBox } from "../../ui/SearchBox";
import { Empty, Loading, Problem } from "../../ui/states";
import { useAsked } from "../../ui/useAsked";

/** A day of the reader's calendar as the moment at which it begins, or the next one does. */
function dayStart(day: string, next: boolean): string | undefined {
  if (!day) return undefined;
  const at = new Date(`${day}T00:00`);
  if (Number.isNaN(at.getTime())) return undefined;
  if (next) at.setDate(at.getDate() + 1);
  return at.toISOString();
}

/** Who did what, and when. */
export default function Audit() {
  const [asked, ask] = useAsked();
  const get = (name: string) => asked.get(name) ?? "";
  const filter: AuditFilter = {
    who: get("who") || undefined,
    action: get("action") || undefined,
    on: get("on") || undefined,
    since: dayStart(get("since"), false),
    until: dayStart(get("until"), true),
  };
  const found = useInfiniteQuery(auditQuery(filter));
  const entries = found.data?.pages.flatMap((page) => page.entries) ?? [];
  return (
    <div className="stack roomy">
      <div className="filters" role="search">
        <SearchBox label={t("audit.who")} value={get("who")} onChange={(value) => ask({ who: value })} />
        <SearchBox label={t("audit.action")} value={get("action")} onChange={(value) => ask({ action: value })} />
        <SearchBox label={t("audit.on")} value={get("on")} onChange={(value) => ask({ on: value })} />
        <Field label={t("audit.since")}>
          <input type="date" value={get("since")} onChange={(event) => ask({ since: event.target.value })} />
        </Field>
        <Field label={t("audit.until")}>
          <input type="date" value={get("until")} onChange={(event) => ask({ until: event.target.value })} />
        </Field>
      </div>
      {found.isPending ? (
        <Loading />
      ) : found.isError && entries.length === 0 ? (
        <Problem error={found.error} again={() => void found.refetch()} />
      ) : entries.length === 0 ? (
        <Empty title={t("audit.none")}>{t("audit.none_hint")}</Empty>
      ) : (
        <Entries entries={entries} />
      )}
      <More of={found} />
    </div>
  );
}

function Entries({ entries }: { entries: readonly Entry[] }) {
  return (
    <Scroll label={t("admin.tab_audit")}>
      <table className="folding">
        <thead>
          <tr>
            <th scope="col">{t("audit.at")}</th>
            <th scope="col">{t("audit.who")}</th>
            <th scope="col">{t("audit.action")}</th>
            <th scope="col">{t("audit.on")}</th>
            <th scope="col">{t("audit.outcome")}</th>
            <th scope="col">{t("audit.from")}</th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <tr key={entry.id}>
              <th scope="row">
                <time dateTime={entry.at}>{moment(entry.at)}</time>
              </th>
              <td data-label={t("audit.who")}>{entry.who}</td>
              <td data-label={t("audit.action")}>
                <code>{entry.action}</code>
              </td>
              <td data-label={t("audit.on")}>
                {Object.entries(entry.on).map(([noun, id]) => (
                  <div key={noun} className="fine">
                    <span className="faint">{noun}</span> <code>{id}</code>
                  </div>
                ))}
              </td>
              <td data-label={t("audit.outcome")}>{outcomeOf(entry)}</td>
              <td data-label={t("audit.from")} className="fine">
                {entry.address}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function outcomeOf({ status }: Entry): string {
  if (status === null) return t("audit.unknown");
  return status < 400 ? t("audit.done", { status }) : t("audit.refused", { status });
}
