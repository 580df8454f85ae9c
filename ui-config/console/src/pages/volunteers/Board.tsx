import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { Link } from "wouter";
import { may, useMe } from "../../api/me";
import { type Volunteer, type VolunteerSort, volunteersQuery } from "../../api/volunteers";
import { number } from "../../text/format";
import { t } from "../../text/text";
import { Ago } from "../../ui/Ago";
import { More } from "../../ui/More";
import { Scroll } from "../../ui/Scroll";
import { SearchBox } from "../../ui/SearchBox";
import { Status } from "../../ui/Status";
import { Empty, Loading, Problem } from "../../ui/states";
import { useAsked } from "../../ui/useAsked";
import { passes, type SandboxFilter, type StateFilter } from "./machines";
import { Capability, Reliability, Sandbox } from "./parts";

const STATES = ["ONLINE", "OFFLINE", "SUSPENDED", "RETIRED"] as const;
const SORTS = ["-last_seen", "name"] as const satisfies readonly VolunteerSort[];
const ENOUGH = 30; // rows; a filter by state looks on in the list until so many fit

/** Every machine: what it is, what it can do, how good its word is and what it does now. */
export function Board() {
  const me = useMe();
  const [asked, ask] = useAsked();
  const name = asked.get("name") ?? "";
  const state: StateFilter = STATES.find((each) => each === asked.get("state")) ?? "";
  const sandbox: SandboxFilter = (["boxed", "none"] as const).find((each) => each === asked.get("sandbox")) ?? "";
  const sort = SORTS.find((each) => each === asked.get("sort")) ?? "-last_seen";
  const found = useInfiniteQuery(volunteersQuery({ name: name || undefined, sort }));
  const { hasNextPage, isFetching, fetchNextPage } = found;
  const all = found.data?.pages.flatMap((page) => page.volunteers) ?? [];
  const volunteers = all.filter((volunteer) => passes(volunteer, state, sandbox));
  const filtered = Boolean(name || state || sandbox);
  useEffect(() => {
    if (filtered && hasNextPage && !isFetching && volunteers.length < ENOUGH) void fetchNextPage();
  }, [filtered, hasNextPage, isFetching, fetchNextPage, volunteers.length]);
  return (
    <div className="stack roomy">
      <div className="filters" role="search">
        <div className="wide">
          <SearchBox label={t("volunteers.search")} value={name} onChange={(value) => ask({ name: value })} />
        </div>
        <select
          aria-label={t("volunteers.state")}
          value={state}
          onChange={(event) => ask({ state: event.target.value })}
        >
          <option value="">{t("volunteers.any_state")}</option>
          {STATES.map((each) => (
            <option key={each} value={each}>
              {t(`status.${each}`)}
            </option>
          ))}
        </select>
        <select
          aria-label={t("volunteers.sandbox")}
          value={sandbox}
          onChange={(event) => ask({ sandbox: event.target.value })}
        >
          <option value="">{t("volunteers.any_sandbox")}</option>
          <option value="boxed">{t("volunteers.with_sandbox")}</option>
          <option value="none">{t("volunteers.without_sandbox")}</option>
        </select>
        <select
          aria-label={t("workflows.sort")}
          value={sort}
          onChange={(event) => ask({ sort: event.target.value === "-last_seen" ? "" : event.target.value })}
        >
          <option value="-last_seen">{t("volunteers.sort_seen")}</option>
          <option value="name">{t("workflows.sort_name")}</option>
        </select>
      </div>
      {found.isPending || (filtered && volunteers.length === 0 && hasNextPage) ? (
        <Loading />
      ) : found.isError && all.length === 0 ? (
        <Problem error={found.error} again={() => void found.refetch()} />
      ) : volunteers.length > 0 ? (
        <MachineTable volunteers={volunteers} />
      ) : filtered ? (
        <Empty
          title={t("volunteers.none_found")}
          action={
            <button type="button" onClick={() => ask({ name: "", state: "", sandbox: "" })}>
              {t("workflows.clear")}
            </button>
          }
        />
      ) : (
        <Empty
          title={t("volunteers.none")}
          action={
            may.administer(me) ? (
              <Link href="/volunteers?tab=tokens" className="button primary">
                {t("volunteers.invite")}
              </Link>
            ) : undefined
          }
        >
          {may.administer(me) ? t("volunteers.none_hint") : t("volunteers.none_other")}
        </Empty>
      )}
      <More of={found} />
    </div>
  );
}

/** What a machine does now; null: nothing. One that is away computes nothing that is known of. */
function doing({ leased, slots, status }: Volunteer): string | null {
  if (leased === 0) return null;
  if (status !== "ONLINE") return t("volunteers.holds_away", { count: leased });
  const now = Math.min(leased, slots);
  return t("volunteers.works", { now, waiting: leased - now });
}

function MachineTable({ volunteers }: { volunteers: readonly Volunteer[] }) {
  return (
    <Scroll label={t("volunteers.tab_machines")}>
      <table className="folding">
        <thead>
          <tr>
            <th scope="col">{t("volunteers.machine")}</th>
            <th scope="col">{t("volunteers.state")}</th>
            <th scope="col">{t("volunteers.capability")}</th>
            <th scope="col">{t("volunteers.sandbox")}</th>
            <th scope="col">{t("volunteers.reliability")}</th>
            <th scope="col" className="number">
              {t("volunteers.done")}
            </th>
            <th scope="col">{t("volunteers.now_short")}</th>
            <th scope="col">{t("volunteers.seen")}</th>
          </tr>
        </thead>
        <tbody>
          {volunteers.map((volunteer) => (
            <tr key={volunteer.id}>
              <th scope="row">
                <Link href={`/volunteers/${volunteer.id}`} className="strong">
                  {volunteer.name}
                </Link>
              </th>
              <td data-label={t("volunteers.state")}>
                <Status status={volunteer.status} />
                {volunteer.note && <div className="fine faint clamp">{volunteer.note}</div>}
              </td>
              <td data-label={t("volunteers.capability")}>
                <Capability machine={volunteer.machine} />
              </td>
              <td data-label={t("volunteers.sandbox")}>
                <Sandbox machine={volunteer.machine} />
              </td>
              <td data-label={t("volunteers.reliability")}>
                <Reliability volunteer={volunteer} />
              </td>
              <td data-label={t("volunteers.done")} className="number">
                {number(volunteer.completed)}
              </td>
              <td data-label={t("volunteers.now_short")}>
                {doing(volunteer) ?? <span className="faint">{t("volunteers.works_not")}</span>}
              </td>
              <td data-label={t("volunteers.seen")}>
                <Ago at={volunteer.last_seen} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
