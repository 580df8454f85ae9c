import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import {
  type JoinToken,
  joinAddress,
  joinTokensQuery,
  type MadeJoinToken,
  makeJoinToken,
  revokeJoinToken,
} from "../../api/joining";
import { number } from "../../text/format";
import { t } from "../../text/text";
import { Until, useNow } from "../../ui/Ago";
import { Copyable } from "../../ui/Copy";
import { Confirm, Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { Icon } from "../../ui/Icon";
import { Scroll } from "../../ui/Scroll";
import { Empty, Loading, Problem } from "../../ui/states";
import { tell } from "../../ui/toasts";
import { useAttempt } from "../../ui/useAttempt";

const DAY = 86_400; // s
const LASTS = [1, 7, 30, 365] as const;

/** What lets machines in: made, listed, revoked. */
export default function JoinTokens() {
  const tokens = useQuery(joinTokensQuery);
  const now = useNow();
  const [making, setMaking] = useState(false);
  const [revoked, setRevoked] = useState<JoinToken | null>(null);
  if (!tokens.data)
    return tokens.isError ? <Problem error={tokens.error} again={() => void tokens.refetch()} /> : <Loading />;
  const add = (
    <button type="button" className="primary" onClick={() => setMaking(true)}>
      <Icon name="add" />
      {t("tokens.new")}
    </button>
  );
  return (
    <div className="stack roomy">
      {tokens.data.length === 0 ? (
        <Empty title={t("tokens.none")} action={add}>
          {t("tokens.none_hint")}
        </Empty>
      ) : (
        <>
          <p className="faint prose">{t("tokens.about")}</p>
          <div className="row">{add}</div>
          <Scroll label={t("volunteers.tab_tokens")}>
            <table className="folding">
              <thead>
                <tr>
                  <th scope="col">{t("tokens.name")}</th>
                  <th scope="col">{t("tokens.state")}</th>
                  <th scope="col" className="number">
                    {t("tokens.used")}
                  </th>
                  <th scope="col">{t("tokens.expires")}</th>
                  <th scope="col">{t("tokens.by")}</th>
                  <th scope="col">
                    <span className="hidden">{t("workflows.actions")}</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {tokens.data.map((token) => {
                  const state = stateOf(token, now);
                  return (
                    <tr key={token.id}>
                      <th scope="row">{token.name}</th>
                      <td data-label={t("tokens.state")}>
                        <span className={`status ${state === "good" ? "good" : "idle"}`}>
                          <Icon name={state === "good" ? "check" : "stop"} size={14} />
                          {t(`tokens.state_${state}`)}
                        </span>
                      </td>
                      <td data-label={t("tokens.used")} className="number">
                        {t("tokens.used_of", { used: number(token.used), uses: number(token.uses) })}
                      </td>
                      <td data-label={t("tokens.expires")}>
                        <Until at={token.expires_at} />
                      </td>
                      <td data-label={t("tokens.by")}>{token.by}</td>
                      <td className="end">
                        {state === "good" && (
                          <button type="button" className="small" onClick={() => setRevoked(token)}>
                            {t("tokens.revoke")}
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
      {making && <NewToken onClose={() => setMaking(false)} />}
      {revoked && (
        <Confirm
          title={t("tokens.revoke_title", { name: revoked.name })}
          action={t("tokens.revoke")}
          danger
          onClose={() => setRevoked(null)}
          onConfirm={() => revokeJoinToken(revoked.id).then(() => tell(t("tokens.revoked", { name: revoked.name })))}
        >
          {t("tokens.revoke_hint", { name: revoked.name })}
        </Confirm>
      )}
    </div>
  );
}

function stateOf(token: JoinToken, now: number): "good" | "revoked" | "expired" | "spent" {
  if (token.revoked_at) return "revoked";
  if (Date.parse(token.expires_at) <= now) return "expired";
  return token.used >= token.uses ? "spent" : "good";
}

function NewToken({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [uses, setUses] = useState("1");
  const [days, setDays] = useState(7);
  const [made, setMade] = useState<MadeJoinToken | null>(null);
  const { busy, error, attempt } = useAttempt();
  function submit(event: FormEvent) {
    event.preventDefault();
    void attempt(async () =>
      setMade(await makeJoinToken({ name: name.trim(), uses: Number(uses), expires_in: days * DAY })),
    );
  }
  if (made) {
    return (
      <Dialog title={t("tokens.made_title", { name: made.name })} onClose={onClose} wide>
        <p>{t("tokens.made_hint", { uses: made.uses })}</p>
        <Copyable text={joinAddress(made.token)} label={t("tokens.copy_link")} />
        <details>
          <summary>{t("tokens.bare")}</summary>
          <Copyable text={made.token} label={t("tokens.copy_token")} />
        </details>
        <p className="notice">{t("ui.shown_once")}</p>
        <div className="row">
          <button type="button" className="primary" onClick={onClose}>
            {t("ui.done")}
          </button>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title={t("tokens.new")} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        <p className="faint">{t("tokens.about")}</p>
        <Field label={t("tokens.name")} hint={t("tokens.name_hint")}>
          <input
            value={name}
            onChange={(event) => setName(event.target.value)}
            required
            maxLength={100}
            autoComplete="off"
            autoFocus
          />
        </Field>
        <Field label={t("tokens.uses")}>
          <input
            type="number"
            min={1}
            max={10_000}
            required
            value={uses}
            onChange={(event) => setUses(event.target.value)}
          />
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
          <button type="submit" className="primary" disabled={busy || name.trim() === ""}>
            {t("tokens.make")}
          </button>
          <button type="button" onClick={onClose}>
            {t("ui.cancel")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
