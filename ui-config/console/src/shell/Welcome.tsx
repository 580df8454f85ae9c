import { type FormEvent, useState } from "react";
import { Link, useLocation } from "wouter";
import { useAcceptInvitation } from "../api/me";
import { type Language, t } from "../text/text";
import { Field } from "../ui/Field";
import { Problem } from "../ui/states";
import { Choices } from "../components/Choices";

/** Where an invitation leads: /welcome#CODE. The code is in the fragment, which no server and no log sees. */
export default function Welcome({ onLanguage }: { onLanguage: (to: Language) => void }) {
  const [code, setCode] = useState(() => decodeURIComponent(location.hash.slice(1)));
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [, go] = useLocation();
  const accept = useAcceptInvitation();
  function submit(event: FormEvent) {
    event.preventDefault();
    accept.mutate({ code: code.trim(), name: name || null, password }, { onSuccess: () => go("/", { replace: true }) });
  }
  return (
    <main className="door">
      <img src="/icon.svg" alt="" width="56" height="56" />
      <h1>{t("welcome.title")}</h1>
      <form className="card stack" onSubmit={submit}>
        <Field label={t("welcome.code")} hint={t("welcome.code_hint")}>
          <input value={code} onChange={(event) => setCode(event.target.value)} autoComplete="off" required />
        </Field>
        <Field label={t("welcome.name")} hint={t("welcome.name_hint")}>
          <input value={name} onChange={(event) => setName(event.target.value)} autoComplete="username" />
        </Field>
        <Field label={t("welcome.password")} hint={t("welcome.password_hint")}>
          <input
            type="password"
            value={password}
            onChange={(event) => setPassword(event.target.value)}
            autoComplete="new-password"
            minLength={10}
            required
          />
        </Field>
        {accept.isError && <Problem error={accept.error} />}
        <button type="submit" className="primary" disabled={accept.isPending}>
          {t("welcome.action")}
        </button>
        <p className="fine faint">
          <Link href="/">{t("welcome.have_account")}</Link>
        </p>
      </form>
      <Choices onLanguage={onLanguage} />
    </main>
  );
}
