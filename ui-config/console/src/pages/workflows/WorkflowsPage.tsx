import "./workflows.css";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { may, useMe } from "../../api/me";
import { type ListedWorkflow, type WorkflowFilter, workflowsQuery } from "../../api/workflows";
import { t } from "../../text/text";
import { Ago } from "../../ui/Ago";
import { Icon } from "../../ui/Icon";
import { More } from "../../ui/More";
import { Scroll } from "../../ui/Scroll";
import { SearchBox } from "../../ui/SearchBox";
import { Status } from "../../ui/Status";
import { Empty, Loading, Problem } from "../../ui/states";
import { useTitle } from "../../ui/useTitle";
import { useAsked } from "../../ui/useAsked";
import { WorkflowMenu } from "./Actions";
import { ImportDialog } from "./ImportDialog";

const SORTS = ["-updated_at", "-created_at", "name", "-priority"] as const;
type Sort = (typeof SORTS)[number];

export default function WorkflowsPage() {
  const me = useMe();
  const [asked, ask] = useAsked();
  const [importing, setImporting] = useState(false);
  useTitle(t("shell.workflows"));
  const sort = SORTS.find((each) => each === asked.get("sort")) ?? "-updated_at";
  const q = asked.get("q") ?? "";
  const tag = asked.get("tag") ?? "";
  const owner = asked.get("owner") ?? "";
  const archived = asked.has("archived");
  const filter: WorkflowFilter = {
    sort,
    q: q || undefined,
    tag: tag || undefined,
    owner: owner || undefined,
    archived,
  };
  const found = useInfiniteQuery(workflowsQuery(filter));
  const workflows = found.data?.pages.flatMap((page) => page.workflows) ?? [];
  const filtered = Boolean(q || tag || owner || archived);
  return (
    <div className="page">
      <div className="head">
        <h1>{t("shell.workflows")}</h1>
        {may.make(me) && (
          <div className="row">
            <button type="button" onClick={() => setImporting(true)}>
              <Icon name="file" />
              {t("workflows.import")}
            </button>
            <Link href="/workflows/new" className="button primary">
              <Icon name="add" />
              {t("workflows.new")}
            </Link>
          </div>
        )}
      </div>
      <div className="filters" role="search">
        <div className="wide">
          <SearchBox label={t("workflows.search")} value={q} onChange={(value) => ask({ q: value })} />
        </div>
        <select
          aria-label={t("workflows.owner")}
          value={owner}
          onChange={(event) => ask({ owner: event.target.value })}
        >
          <option value="">{t("workflows.everybody")}</option>
          <option value={me.name}>{t("workflows.mine")}</option>
          {owner && owner !== me.name && <option value={owner}>{owner}</option>}
        </select>
        <select
          aria-label={t("workflows.sort")}
          value={sort}
          onChange={(event) => ask({ sort: event.target.value === "-updated_at" ? "" : event.target.value })}
        >
          {SORTS.map((each) => (
            <option key={each} value={each}>
              {t(`workflows.sort_${plain(each)}`)}
            </option>
          ))}
        </select>
        <label className="check">
          <input
            type="checkbox"
            checked={archived}
            onChange={(event) => ask({ archived: event.target.checked ? "1" : "" })}
          />
          {t("workflows.archived")}
        </label>
        {tag && (
          <button
            type="button"
            className="tag-off"
            onClick={() => ask({ tag: "" })}
            aria-label={t("workflows.without_tag", { tag })}
          >
            {t("workflows.tagged", { tag })} <Icon name="close" size={12} />
          </button>
        )}
      </div>
      {found.isPending ? (
        <Loading />
      ) : found.isError && workflows.length === 0 ? (
        <Problem error={found.error} again={() => void found.refetch()} />
      ) : workflows.length === 0 ? (
        filtered ? (
          <Empty
            title={t("workflows.none_found")}
            action={
              <button type="button" onClick={() => ask({ q: "", tag: "", owner: "", archived: "" })}>
                {t("workflows.clear")}
              </button>
            }
          >
            {t("workflows.none_found_hint")}
          </Empty>
        ) : (
          <Empty
            title={t("workflows.none")}
            action={
              may.make(me) ? (
                <Link href="/" className="button primary">
                  {t("workflows.templates")}
                </Link>
              ) : undefined
            }
          >
            {may.make(me) ? t("workflows.none_hint") : t("workflows.none_viewer")}
          </Empty>
        )
      ) : (
        <WorkflowTable
          workflows={workflows}
          onTag={(value) => ask({ tag: value })}
          onOwner={(value) => ask({ owner: value })}
        />
      )}
      <More of={found} />
      {importing && <ImportDialog onClose={() => setImporting(false)} />}
    </div>
  );
}

function plain(sort: Sort) {
  return sort.replace("-", "") as "updated_at" | "created_at" | "name" | "priority";
}

interface TableProps {
  workflows: readonly ListedWorkflow[];
  onTag: (tag: string) => void;
  onOwner: (owner: string) => void;
}

function WorkflowTable({ workflows, onTag, onOwner }: TableProps) {
  return (
    <Scroll label={t("shell.workflows")}>
      <table className="folding">
        <thead>
          <tr>
            <th scope="col">{t("workflows.name")}</th>
            <th scope="col">{t("workflows.last_run")}</th>
            <th scope="col">{t("workflows.owner")}</th>
            <th scope="col" className="number">
              {t("workflows.version")}
            </th>
            <th scope="col">{t("workflows.changed")}</th>
            <th scope="col">
              <span className="hidden">{t("workflows.actions")}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {workflows.map((workflow) => (
            <tr key={workflow.id}>
              <th scope="row">
                <div className="stack tight">
                  <Link href={`/workflows/${workflow.id}`} className="strong">
                    {workflow.name}
                  </Link>
                  {workflow.description && <span className="fine faint clamp">{workflow.description}</span>}
                  {workflow.tags.length > 0 && (
                    <span className="tags">
                      {workflow.tags.map((tag) => (
                        <button key={tag} type="button" className="tag" onClick={() => onTag(tag)}>
                          {tag}
                        </button>
                      ))}
                    </span>
                  )}
                </div>
              </th>
              <td data-label={t("workflows.last_run")}>
                {workflow.current_run_id ? (
                  <Link href={`/runs/${workflow.current_run_id}`} className="quiet">
                    <Status status={workflow.status} of={workflow} />
                  </Link>
                ) : (
                  <span className="faint">{t("workflows.never_run")}</span>
                )}
              </td>
              <td data-label={t("workflows.owner")}>
                <button type="button" className="plain small as-link" onClick={() => onOwner(workflow.owner)}>
                  {workflow.owner}
                </button>
              </td>
              <td data-label={t("workflows.version")} className="number">
                {workflow.version}
              </td>
              <td data-label={t("workflows.changed")}>
                <Ago at={workflow.updated_at} />
              </td>
              <td className="end">
                <WorkflowMenu workflow={workflow} inList />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
