import { type FormEvent, useState } from "react";
import { Link } from "wouter";
import { useSignIn } from "../api/me";
import { ProblemError } from "../api/problem";
import { type Language, t } from "../text/text";
import { Field } from "../ui/Field";
import { Problem } from "../ui/states";
import { Choices } from "../components/Choices";

/** Stands at the address that was asked for, which shows itself once somebody is signed in. */
export function SignIn({ onLanguage }: { onLanguage: (to: Language) => void }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const signIn = useSignIn();
  function submit(event: FormEvent) {
    event.preventDefault();
    signIn.mutate({ name, password });
  }
  const wrong = signIn.error instanceof ProblemError && signIn.error.status === 401;
  return (
    <main className="door">
      <img src="/icon.svg" alt="" width="56" height="56" />
      <h1>{t("sign_in.title")}</h1>
      <form className="card stack" onSubmit={submit}>
        <Field label={t("sign_in.name")}>
          <input
            value={name}
            onChange={(event) => setName(event.target.value)}
            autoComplete="username"
            autoFocus
            required
          />
        </Field>
        <Field label={t("sign_in.password")} fault={wrong ? t("sign_in.wrong") : null}>
          <input
            type="password"
            value={password}
            onChange={(event) => setPassword(event.target.value)}
            autoComplete="current-password"
            required
          />
        </Field>
        {signIn.isError && !wrong && <Problem error={signIn.error} />}
        <button type="submit" className="primary" disabled={signIn.isPending}>
          {t("sign_in.action")}
        </button>
        <p className="fine faint">
          {t("sign_in.invited")} <Link href="/welcome">{t("sign_in.use_code")}</Link>
        </p>
      </form>
      <Choices onLanguage={onLanguage} />
    </main>
  );
}
