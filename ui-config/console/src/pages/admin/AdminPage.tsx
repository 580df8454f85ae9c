import "./admin.css";
import { lazy, Suspense } from "react";
import { may, useMe } from "../../api/me";
import { t } from "../../text/text";
import { Empty, Loading } from "../../ui/states";
import { Tabs } from "../../ui/Tabs";
import { useTitle } from "../../ui/useTitle";
import { People } from "./People";

const Invitations = lazy(() => import("./Invitations"));
const Audit = lazy(() => import("./Audit"));
const Health = lazy(() => import("./Health"));

const TABS = ["users", "invitations", "audit", "health"] as const;

export default function AdminPage({ tab }: { tab?: string }) {
  const me = useMe();
  const here = TABS.find((each) => each === tab) ?? "users";
  useTitle(t("shell.admin"));
  if (!may.administer(me)) {
    return (
      <div className="page">
        <Empty title={t("admin.not_you")}>{t("admin.not_you_hint")}</Empty>
      </div>
    );
  }
  return (
    <div className="page">
      <h1>{t("shell.admin")}</h1>
      <Tabs
        label={t("admin.parts")}
        here={here}
        tabs={TABS.map((each) => ({
          id: each,
          text: t(`admin.tab_${each}`),
          to: each === "users" ? "/admin" : `/admin/${each}`,
        }))}
      />
      <Suspense fallback={<Loading />}>
        {here === "users" && <People />}
        {here === "invitations" && <Invitations />}
        {here === "audit" && <Audit />}
        {here === "health" && <Health />}
      </Suspense>
    </div>
  );
}
