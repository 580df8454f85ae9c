import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useSearchParams } from "wouter";
import { workflowNamesQuery } from "../../api/runs";
import { t } from "../../text/text";
import { Icon } from "../../ui/Icon";
import { changed, type Group, GROUPS, groupsOf, plain, read, toggled } from "./filter";

const PATIENCE = 350; // ms after the last key until it is looked for

/** What the list is narrowed by. All of it stands in the address, so it can be kept, sent and gone back to. */
export function Filters() {
  const [search, setSearch] = useSearchParams();
  const groups = groupsOf(read(search));
  const set = (field: string, value: string) => setSearch((before) => changed(before, field, value), { replace: true });
  return (
    <section className="run-filters" role="search" aria-label={t("runs.filters")}>
      <div className="row" role="group" aria-label={t("graph.state")}>
        {(Object.keys(GROUPS) as Group[]).map((group) => (
          <button
            key={group}
            type="button"
            className="small"
            aria-pressed={groups.has(group)}
            onClick={() => setSearch((before) => toggled(before, group), { replace: true })}
          >
            {t(`runs.group.${group}`)}
          </button>
        ))}
      </div>
      <div className="filter-fields">
        <Typed name="q" label={t("runs.text")} value={search.get("q") ?? ""} onValue={set} />
        <Typed name="owner" label={t("run.owner")} value={search.get("owner") ?? ""} onValue={set} />
        <Typed name="tag" label={t("runs.tag")} value={search.get("tag") ?? ""} onValue={set} />
        <Workflows id={search.get("workflow_id") ?? ""} onId={(id) => set("workflow_id", id)} />
        <label>
          {t("runs.since")}
          <input type="date" value={search.get("since") ?? ""} onChange={(event) => set("since", event.target.value)} />
        </label>
        <label>
          {t("runs.until")}
          <input type="date" value={search.get("until") ?? ""} onChange={(event) => set("until", event.target.value)} />
        </label>
      </div>
      {plain(search) !== "" && (
        <div className="row">
          <button
            type="button"
            className="small plain"
            onClick={() => setSearch(new URLSearchParams(), { replace: true })}
          >
            <Icon name="close" size={12} />
            {t("runs.clear")}
          </button>
        </div>
      )}
    </section>
  );
}

function Workflows({ id, onId }: { id: string; onId: (id: string) => void }) {
  const names = useQuery(workflowNamesQuery).data;
  return (
    <label>
      {t("run.workflow")}
      <select value={id} onChange={(event) => onId(event.target.value)}>
        <option value="">{t("runs.any_workflow")}</option>
        {id && !names?.has(id) && <option value={id}>{id}</option>}
        {[...(names ?? [])].map(([each, name]) => (
          <option key={each} value={each}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

interface TypedProps {
  name: string;
  label: string;
  value: string;
  onValue: (name: string, value: string) => void;
}

/** A field that waits until one has typed. What comes from elsewhere (a link, a view) replaces what stands in it. */
function Typed({ name, label, value, onValue }: TypedProps) {
  const [text, setText] = useState(value);
  const sent = useRef(value);
  useEffect(() => {
    if (value !== sent.current) {
      sent.current = value;
      setText(value);
    }
  }, [value]);
  useEffect(() => {
    if (text.trim() === sent.current) return;
    const timer = setTimeout(() => {
      sent.current = text.trim();
      onValue(name, text.trim());
    }, PATIENCE);
    return () => clearTimeout(timer);
  });
  return (
    <label>
      {label}
      <input
        type="search"
        value={text}
        maxLength={200}
        autoComplete="off"
        onChange={(event) => setText(event.target.value)}
      />
    </label>
  );
}
