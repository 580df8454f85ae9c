import "./workflows.css";
import { useQuery } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense, useState } from "react";
import { Link, useSearchParams } from "wouter";
import { may, useMe } from "../../api/me";
import { type Workflow, workflowQuery } from "../../api/workflows";
import { t } from "../../text/text";
import { Ago } from "../../ui/Ago";
import { Icon } from "../../ui/Icon";
import { Status } from "../../ui/Status";
import { Loading, Problem } from "../../ui/states";
import { Tabs } from "../../ui/Tabs";
import { useTitle } from "../../ui/useTitle";
import { WorkflowMenu } from "./Actions";
import { Outline } from "./Outline";
import { RunDialog } from "./RunDialog";
import { RunsOf } from "./RunsOf";
import { TagEditor } from "./TagEditor";

const Versions = lazy(() => import("./Versions"));
const Schedules = lazy(() => import("./Schedules"));

const TABS = ["overview", "runs", "versions", "schedules"] as const;
type Tab = (typeof TABS)[number];

export default function WorkflowPage({ id }: { id: string }) {
  const workflow = useQuery(workflowQuery(id));
  useTitle(workflow.data?.name);
  if (workflow.data) return <OneWorkflow workflow={workflow.data} />;
  if (workflow.isError)
    return (
      <div className="page">
        <Problem error={workflow.error} again={() => void workflow.refetch()} />
      </div>
    );
  return (
    <div className="page">
      <Loading />
    </div>
  );
}

function OneWorkflow({ workflow }: { workflow: Workflow }) {
  const me = useMe();
  const [asked] = useSearchParams();
  const [running, setRunning] = useState(false);
  const tab: Tab = TABS.find((each) => each === asked.get("tab")) ?? "overview";
  const mine = may.change(me, workflow.owner);
  const archived = workflow.archived_at !== null;
  return (
    <div className="page">
      <div className="stack">
        <nav aria-label={t("workflow.path")}>
          <Link href="/workflows" className="fine">
            {t("shell.workflows")}
          </Link>
        </nav>
        <div className="head">
          <h1>{workflow.name}</h1>
          <div className="row">
            {mine && !archived && (
              <button type="button" className="primary" onClick={() => setRunning(true)}>
                <Icon name="play" />
                {t("workflow.run")}
              </button>
            )}
            {mine && (
              <Link href={`/workflows/${workflow.id}/edit`} className="button">
                <Icon name="edit" />
                {t("workflow.edit")}
              </Link>
            )}
            <WorkflowMenu workflow={workflow} />
          </div>
        </div>
        {archived && <p className="notice">{t("workflow.is_archived")}</p>}
        {!mine && <p className="fine faint">{t("workflow.read_only", { owner: workflow.owner })}</p>}
        {workflow.description && <p className="prose">{workflow.description}</p>}
        <TagEditor workflow={workflow} editable={mine} />
      </div>
      <Tabs
        label={t("workflow.parts")}
        here={tab}
        tabs={TABS.map((each) => ({
          id: each,
          text: t(`workflow.tab_${each}`),
          to: `/workflows/${workflow.id}${each === "overview" ? "" : `?tab=${each}`}`,
        }))}
      />
      <Suspense fallback={<Loading />}>
        {tab === "overview" && <Overview workflow={workflow} />}
        {tab === "runs" && (
          <RunsOf workflow={workflow} onRun={mine && !archived ? () => setRunning(true) : undefined} />
        )}
        {tab === "versions" && <Versions workflow={workflow} />}
        {tab === "schedules" && <Schedules workflow={workflow} />}
      </Suspense>
      {running && <RunDialog workflow={workflow} onClose={() => setRunning(false)} />}
    </div>
  );
}

function Overview({ workflow }: { workflow: Workflow }) {
  const files = Object.keys(workflow.files);
  return (
    <div className="columns">
      <section className="stack">
        <h2>{t("workflow.tasks")}</h2>
        <Outline spec={workflow.spec} />
      </section>
      <section className="stack">
        <h2>{t("workflow.facts")}</h2>
        <dl className="facts">
          <Fact name={t("workflow.last_run")}>
            {workflow.current_run_id ? (
              <Link href={`/runs/${workflow.current_run_id}`} className="quiet">
                <Status status={workflow.status} of={workflow} />
              </Link>
            ) : (
              <span className="faint">{t("workflows.never_run")}</span>
            )}
          </Fact>
          <Fact name={t("workflows.owner")}>{workflow.owner}</Fact>
          <Fact name={t("workflow.readers")}>{readers(workflow)}</Fact>
          <Fact name={t("workflows.version")}>{workflow.version}</Fact>
          <Fact name={t("workflow.priority")}>{workflow.priority}</Fact>
          <Fact name={t("workflow.created")}>
            <Ago at={workflow.created_at} />
          </Fact>
          <Fact name={t("workflows.changed")}>
            <Ago at={workflow.updated_at} />
          </Fact>
          {files.length > 0 && <Fact name={t("workflow.files")}>{files.join(", ")}</Fact>}
        </dl>
      </section>
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function readers(workflow: Workflow): string {
  const others = workflow.readers.filter((reader) => reader !== workflow.owner);
  if (others.includes("*")) return t("share.everybody");
  return others.length > 0 ? others.join(", ") : t("workflow.nobody_else");
}
