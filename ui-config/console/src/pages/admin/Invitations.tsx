import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type Invitation, invitationsQuery, type PersonRole, withdrawInvitation } from "../../api/people";
import { t } from "../../text/text";
import { Ago, Until, useNow } from "../../ui/Ago";
import { Confirm } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import { Scroll } from "../../ui/Scroll";
import { Empty, Loading, Problem } from "../../ui/states";
import { tell } from "../../ui/toasts";
import { InviteDialog } from "./InviteDialog";

/** Who was invited, and what became of it. */
export default function Invitations() {
  const found = useQuery(invitationsQuery);
  const now = useNow();
  const [inviting, setInviting] = useState(false);
  const [withdrawn, setWithdrawn] = useState<Invitation | null>(null);
  if (!found.data)
    return found.isError ? <Problem error={found.error} again={() => void found.refetch()} /> : <Loading />;
  const add = (
    <button type="button" className="primary" onClick={() => setInviting(true)}>
      <Icon name="add" />
      {t("invite.title")}
    </button>
  );
  return (
    <div className="stack roomy">
      {found.data.length === 0 ? (
        <Empty title={t("invite.none")} action={add}>
          {t("invite.none_hint")}
        </Empty>
      ) : (
        <>
          <div className="row">{add}</div>
          <Scroll label={t("admin.tab_invitations")}>
            <table className="folding">
              <thead>
                <tr>
                  <th scope="col">{t("invite.who")}</th>
                  <th scope="col">{t("people.role")}</th>
                  <th scope="col">{t("people.state")}</th>
                  <th scope="col">{t("invite.made_by")}</th>
                  <th scope="col">{t("tokens.expires")}</th>
                  <th scope="col">
                    <span className="hidden">{t("workflows.actions")}</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {found.data.map((invitation) => {
                  const open = invitation.accepted_by === null && Date.parse(invitation.expires_at) > now;
                  return (
                    <tr key={invitation.id}>
                      <th scope="row">{invitation.name ?? <span className="faint">{t("invite.anybody")}</span>}</th>
                      <td data-label={t("people.role")}>{t(`role.${invitation.role as PersonRole}`)}</td>
                      <td data-label={t("people.state")}>
                        {invitation.accepted_by
                          ? t("invite.accepted", { name: invitation.accepted_by })
                          : open
                            ? t("invite.open")
                            : t("invite.expired")}
                      </td>
                      <td data-label={t("invite.made_by")}>
                        {invitation.by}, <Ago at={invitation.created_at} />
                      </td>
                      <td data-label={t("tokens.expires")}>
                        <Until at={invitation.expires_at} />
                      </td>
                      <td className="end">
                        {open && (
                          <button type="button" className="small" onClick={() => setWithdrawn(invitation)}>
                            {t("invite.withdraw")}
                          </button>
                        )}
                      </td>
                    </tr>
                  );
                })}
              </tbody>
            </table>
          </Scroll>
        </>
      )}
      {inviting && <InviteDialog onClose={() => setInviting(false)} />}
      {withdrawn && (
        <Confirm
          title={t("invite.withdraw_title", { name: withdrawn.name ?? t("invite.anybody") })}
          action={t("invite.withdraw")}
          danger
          onClose={() => setWithdrawn(null)}
          onConfirm={() => withdrawInvitation(withdrawn.id).then(() => tell(t("invite.withdrawn")))}
        >
          {t("invite.withdraw_hint")}
        </Confirm>
      )}
    </div>
  );
}
