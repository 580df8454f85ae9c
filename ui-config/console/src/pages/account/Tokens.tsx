import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import type { Schemas } from "../../api/client";
import { may, useMe } from "../../api/me";
import { makeToken, revokeToken, type Token, tokensQuery } from "../../api/people";
import { t } from "../../text/text";
import { Ago, Until } from "../../ui/Ago";
import { Confirm, Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { Icon } from "../../ui/Icon";
import { Scroll } from "../../ui/Scroll";
import { Secret } from "../../ui/Secret";
import { Empty, Loading, Problem } from "../../ui/states";
import { tell } from "../../ui/toasts";
import { useAttempt } from "../../ui/useAttempt";

type Scope = Schemas["Scope"];

const DAY = 86_400; // s
const LASTS = [7, 30, 90, 365] as const;

/** Tokens of one's own, for scripts and the command line. */
export default function Tokens() {
  const tokens = useQuery(tokensQuery);
  const [making, setMaking] = useState(false);
  const [revoked, setRevoked] = useState<Token | null>(null);
  if (!tokens.data)
    return tokens.isError ? <Problem error={tokens.error} again={() => void tokens.refetch()} /> : <Loading />;
  const add = (
    <button type="button" className="primary" onClick={() => setMaking(true)}>
      <Icon name="add" />
      {t("account.new_token")}
    </button>
  );
  return (
    <div className="stack roomy">
      {tokens.data.length === 0 ? (
        <Empty title={t("account.no_tokens")} action={add}>
          {t("account.tokens_hint")}
        </Empty>
      ) : (
        <>
          <p className="faint prose">{t("account.tokens_hint")}</p>
          <div className="row">{add}</div>
          <Scroll label={t("account.tab_tokens")}>
            <table className="folding">
              <thead>
                <tr>
                  <th scope="col">{t("tokens.name")}</th>
                  <th scope="col">{t("account.scopes")}</th>
                  <th scope="col">{t("account.made")}</th>
                  <th scope="col">{t("account.last_used")}</th>
                  <th scope="col">{t("tokens.expires")}</th>
                  <th scope="col">
                    <span className="hidden">{t("workflows.actions")}</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {tokens.data.map((token) => (
                  <tr key={token.id}>
                    <th scope="row">{token.name}</th>
                    <td data-label={t("account.scopes")}>
                      {token.scopes.map((scope) => t(`scope.${scope}`)).join(", ")}
                    </td>
                    <td data-label={t("account.made")}>
                      <Ago at={token.created_at} />
                    </td>
                    <td data-label={t("account.last_used")}>
                      {token.last_used_at ? (
                        <Ago at={token.last_used_at} />
                      ) : (
                        <span className="faint">{t("account.never")}</span>
                      )}
                    </td>
                    <td data-label={t("tokens.expires")}>
                      <Until at={token.expires_at} />
                    </td>
                    <td className="end">
                      <button type="button" className="small" onClick={() => setRevoked(token)}>
                        {t("tokens.revoke")}
                        <span className="hidden"> {token.name}</span>
                      </button>
                    </td>
                  </tr>
                ))}
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
          onConfirm={() => revokeToken(revoked.id).then(() => tell(t("tokens.revoked", { name: revoked.name })))}
        >
          {t("account.revoke_hint", { name: revoked.name })}
        </Confirm>
      )}
    </div>
  );
}

function NewToken({ onClose }: { onClose: () => void }) {
  const me = useMe();
  const offered: Scope[] = [
    "read",
    ...(may.make(me) ? ["write" as const] : []),
    ...(may.administer(me) ? ["admin" as const] : []),
  ];
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<readonly Scope[]>(["read"]);
  const [days, setDays] = useState(90);
  const [token, setToken] = useState<string | null>(null);
  const { busy, error, attempt } = useAttempt();
  function submit(event: FormEvent) {
    event.preventDefault();
    void attempt(async () =>
      setToken((await makeToken({ name: name.trim(), scopes: [...scopes], expires_in: days * DAY })).token),
    );
  }
  if (token !== null)
    return (
      <Secret
        title={t("account.token_made", { name })}
        hint={t("account.token_made_hint")}
        text={token}
        copy={t("tokens.copy_token")}
        onClose={onClose}
      />
    );
  return (
    <Dialog title={t("account.new_token")} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        <Field label={t("tokens.name")} hint={t("account.token_name_hint")}>
          <input
            value={name}
            onChange={(event) => setName(event.target.value)}
            required
            maxLength={100}
            autoComplete="off"
            autoFocus
          />
        </Field>
        <fieldset className="stack">
          <legend>{t("account.scopes")}</legend>
          {offered.map((scope) => (
            <label key={scope} className="check">
              <input
                type="checkbox"
                checked={scopes.includes(scope)}
                onChange={(event) =>
                  setScopes(event.target.checked ? [...scopes, scope] : scopes.filter((each) => each !== scope))
                }
              />
              {t(`scope.${scope}_may`)}
            </label>
          ))}
        </fieldset>
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
          <button type="submit" className="primary" disabled={busy || name.trim() === "" || scopes.length === 0}>
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
