import "./volunteers.css";
import { lazy, Suspense } from "react";
import { useSearchParams } from "wouter";
import { may, useMe } from "../../api/me";
import { t } from "../../text/text";
import { Loading } from "../../ui/states";
import { Tabs } from "../../ui/Tabs";
import { useTitle } from "../../ui/useTitle";
import { Board } from "./Board";

const ThroughputTab = lazy(() => import("./Throughput"));
const JoinTokens = lazy(() => import("./JoinTokens"));

const TABS = ["machines", "throughput", "tokens"] as const;

export default function VolunteersPage() {
  const me = useMe();
  const [asked] = useSearchParams();
  const shown = TABS.filter((tab) => tab !== "tokens" || may.administer(me));
  const here = shown.find((tab) => tab === asked.get("tab")) ?? "machines";
  useTitle(t("shell.volunteers"));
  return (
    <div className="page">
      <h1>{t("shell.volunteers")}</h1>
      <Tabs
        label={t("volunteers.parts")}
        here={here}
        tabs={shown.map((tab) => ({
          id: tab,
          text: t(`volunteers.tab_${tab}`),
          to: tab === "machines" ? "/volunteers" : `/volunteers?tab=${tab}`,
        }))}
      />
      <Suspense fallback={<Loading />}>
        {here === "machines" && <Board />}
        {here === "throughput" && <ThroughputTab />}
        {here === "tokens" && <JoinTokens />}
      </Suspense>
    </div>
  );
}
