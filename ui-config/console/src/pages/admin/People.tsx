import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useMe } from "../../api/me";
import { disablePerson, enablePerson, peopleQuery, type Person, type PersonRole } from "../../api/people";
import { t } from "../../text/text";
import { Ago } from "../../ui/Ago";
import { Confirm } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import { Menu } from "../../ui/Menu";
import { More } from "../../ui/More";
import { Scroll } from "../../ui/Scroll";
import { Loading, Problem } from "../../ui/states";
import { tell } from "../../ui/toasts";
import { InviteDialog } from "./InviteDialog";
import { QuotaDialog } from "./QuotaDialog";
import { RoleDialog } from "./RoleDialog";

type Asked = { what: "role" | "quota" | "disable" | "enable"; person: Person } | null;

/** Everybody who may come in. */
export function People() {
  const me = useMe();
  const found = useInfiniteQuery(peopleQuery);
  const [inviting, setInviting] = useState(false);
  const [asked, ask] = useState<Asked>(null);
  if (!found.data)
    return found.isError ? <Problem error={found.error} again={() => void found.refetch()} /> : <Loading />;
  const people = found.data.pages.flat().filter((person) => person.role !== "flow" && person.role !== "join");
  const close = () => ask(null);
  const name = asked?.person.name ?? "";
  return (
    <div className="stack roomy">
      <div className="row">
        <button type="button" className="primary" onClick={() => setInviting(true)}>
          <Icon name="add" />
          {t("invite.title")}
        </button>
      </div>
      <Scroll label={t("admin.tab_users")}>
        <table className="folding">
          <thead>
            <tr>
              <th scope="col">{t("people.name")}</th>
              <th scope="col">{t("people.role")}</th>
              <th scope="col">{t("people.state")}</th>
              <th scope="col">{t("people.since")}</th>
              <th scope="col">{t("people.own_quota")}</th>
              <th scope="col">
                <span className="hidden">{t("workflows.actions")}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {people.map((person) => (
              <tr key={person.name}>
                <th scope="row">
                  <span className="strong">{person.name}</span>
                  {person.name === me.name && <span className="faint"> {t("people.you")}</span>}
                </th>
                <td data-label={t("people.role")}>{t(`role.${person.role as PersonRole}`)}</td>
                <td data-label={t("people.state")}>
                  <State person={person} />
                </td>
                <td data-label={t("people.since")}>
                  <Ago at={person.created_at} />
                </td>
                <td data-label={t("people.own_quota")}>
                  {Object.keys(person.quota).length > 0 ? (
                    t("people.own_quota_yes")
                  ) : (
                    <span className="faint">{t("people.own_quota_no")}</span>
                  )}
                </td>
                <td className="end">
                  <Menu
                    className="plain"
                    label={
                      <>
                        <Icon name="more" size={20} />
                        <span className="hidden">{t("people.menu", { name: person.name })}</span>
                      </>
                    }
                  >
                    <button type="button" onClick={() => ask({ what: "quota", person })}>
                      {t("quota.action")}
                    </button>
                    {person.name !== me.name && (
                      <button type="button" onClick={() => ask({ what: "role", person })}>
                        {t("people.change_role")}
                      </button>
                    )}
                    {person.name !== me.name && (
                      <button
                        type="button"
                        onClick={() => ask({ what: person.disabled_at ? "enable" : "disable", person })}
                      >
                        {person.disabled_at ? t("people.enable") : t("people.disable")}
                      </button>
                    )}
                  </Menu>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <More of={found} />
      {inviting && <InviteDialog onClose={() => setInviting(false)} />}
      {asked?.what === "role" && <RoleDialog person={asked.person} onClose={close} />}
      {asked?.what === "quota" && <QuotaDialog name={name} onClose={close} />}
      {asked?.what === "disable" && (
        <Confirm
          title={t("people.disable_title", { name })}
          action={t("people.disable")}
          danger
          onClose={close}
          onConfirm={() => disablePerson(name).then(() => tell(t("people.disabled", { name })))}
        >
          {t("people.disable_hint", { name })}
        </Confirm>
      )}
      {asked?.what === "enable" && (
        <Confirm
          title={t("people.enable_title", { name })}
          action={t("people.enable")}
          onClose={close}
          onConfirm={() => enablePerson(name).then(() => tell(t("people.enabled", { name })))}
        >
          {t("people.enable_hint", { name })}
        </Confirm>
      )}
    </div>
  );
}

function State({ person }: { person: Person }) {
  if (person.disabled_at)
    return (
      <span className="status bad">
        <Icon name="stop" size={14} />
        {t("people.is_disabled")}
      </span>
    );
  if (!person.signs_in)
    return (
      <span className="status idle">
        <Icon name="dash" size={14} />
        {t("people.no_password")}
      </span>
    );
  return (
    <span className="status good">
      <Icon name="check" size={14} />
      {t("people.active")}
    </span>
  );
}
