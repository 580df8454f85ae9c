import "./account.css";
import { lazy, Suspense } from "react";
import { useSearchParams } from "wouter";
import { useMe } from "../../api/me";
import type { PersonRole } from "../../api/people";
import { Choices } from "../../components/Choices";
import { type Language, t } from "../../text/text";
import { Loading } from "../../ui/states";
import { Tabs } from "../../ui/Tabs";
import { Usage } from "../../ui/Usage";
import { useTitle } from "../../ui/useTitle";
import { PasswordForm } from "./PasswordForm";

const Tokens = lazy(() => import("./Tokens"));
const Webhooks = lazy(() => import("./Webhooks"));

const TABS = ["you", "tokens", "webhooks"] as const;

export default function AccountPage({ onLanguage }: { onLanguage: (to: Language) => void }) {
  const [asked] = useSearchParams();
  const here = TABS.find((tab) => tab === asked.get("tab")) ?? "you";
  useTitle(t("shell.account"));
  return (
    <div className="page">
      <h1>{t("shell.account")}</h1>
      <Tabs
        label={t("account.parts")}
        here={here}
        tabs={TABS.map((tab) => ({
          id: tab,
          text: t(`account.tab_${tab}`),
          to: tab === "you" ? "/account" : `/account?tab=${tab}`,
        }))}
      />
      <Suspense fallback={<Loading />}>
        {here === "you" && <You onLanguage={onLanguage} />}
        {here === "tokens" && <Tokens />}
        {here === "webhooks" && <Webhooks />}
      </Suspense>
    </div>
  );
}

function You({ onLanguage }: { onLanguage: (to: Language) => void }) {
  const me = useMe();
  const role = me.role as PersonRole;
  return (
    <div className="account">
      <section className="card" aria-labelledby="who">
        <h2 id="who">{me.name}</h2>
        <p>
          <strong>{t(`role.${role}`)}.</strong> {t(`role.${role}_may`)}
        </p>
      </section>
      <section className="card" aria-labelledby="used">
        <h2 id="used">{t("account.used")}</h2>
        <Usage quotas={me.quotas} />
      </section>
      <section className="card" aria-labelledby="looks">
        <h2 id="looks">{t("account.looks")}</h2>
        <Choices onLanguage={onLanguage} />
        <p className="fine faint">{t("account.looks_hint")}</p>
      </section>
      <section className="card" aria-labelledby="password">
        <h2 id="password">{t("account.password")}</h2>
        <PasswordForm />
      </section>
    </div>
  );
}
