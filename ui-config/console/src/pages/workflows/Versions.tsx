import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { write } from "../../api/exact";
import { useState } from "react";
import { may, useMe } from "../../api/me";
import { queries } from "../../api/queries";
import {
  differenceQuery,
  exportHref,
  useEditWorkflow,
  type Version,
  versionQuery,
  versionsQuery,
  type Workflow,
} from "../../api/workflows";
import { t } from "../../text/text";
import { Ago } from "../../ui/Ago";
import { Confirm } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import { More } from "../../ui/More";
import { Scroll } from "../../ui/Scroll";
import { Loading, Problem } from "../../ui/states";
import { tell } from "../../ui/toasts";

/** Every version of a workflow, what differs between any two, and back to an earlier one. */
export default function Versions({ workflow }: { workflow: Workflow }) {
  const me = useMe();
  const found = useInfiniteQuery(versionsQuery(workflow.id));
  const [before, setBefore] = useState(Math.max(1, workflow.version - 1));
  const [after, setAfter] = useState(workflow.version);
  const [restored, setRestored] = useState<Version | null>(null);
  if (!found.data)
    return found.isError ? <Problem error={found.error} again={() => void found.refetch()} /> : <Loading />;
  const versions = found.data.pages.flatMap((page) => page.versions);
  const mine = may.change(me, workflow.owner);
  const several = workflow.version > 1;
  return (
    <div className="stack roomy">
      <Scroll label={t("workflow.tab_versions")}>
        <table className="folding">
          <thead>
            <tr>
              <th scope="col">{t("workflows.version")}</th>
              <th scope="col">{t("versions.saved")}</th>
              <th scope="col">{t("versions.by")}</th>
              {several && <th scope="col">{t("versions.compare")}</th>}
              <th scope="col">
                <span className="hidden">{t("workflows.actions")}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {versions.map((version) => (
              <tr key={version.version}>
                <th scope="row">
                  {version.version === workflow.version
                    ? t("versions.current", { version: version.version })
                    : version.version}
                </th>
                <td data-label={t("versions.saved")}>
                  <Ago at={version.created_at} />
                </td>
                <td data-label={t("versions.by")}>{version.by}</td>
                {several && (
                  <td data-label={t("versions.compare")}>
                    <span className="row">
                      <label className="check">
                        <input
                          type="radio"
                          name="before"
                          checked={before === version.version}
                          onChange={() => setBefore(version.version)}
                        />
                        {t("versions.before")}
                      </label>
                      <label className="check">
                        <input
                          type="radio"
                          name="after"
                          checked={after === version.version}
                          onChange={() => setAfter(version.version)}
                        />
                        {t("versions.after")}
                      </label>
                    </span>
                  </td>
                )}
                <td className="end">
                  <span className="row end">
                    <a
                      className="button small"
                      href={exportHref(workflow.id, "yaml", version.version)}
                      download
                      aria-label={t("versions.download", { version: version.version })}
                    >
                      <Icon name="download" size={14} />
                    </a>
                    {mine && version.version !== workflow.version && (
                      <button type="button" className="small" onClick={() => setRestored(version)}>
                        <Icon name="undo" size={14} />
                        {t("versions.restore")}
                      </button>
                    )}
                  </span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <More of={found} />
      {several && before !== after && <Between id={workflow.id} before={before} after={after} />}
      {restored && <Restore workflow={workflow} version={restored} onClose={() => setRestored(null)} />}
    </div>
  );
}

function Between({ id, before, after }: { id: string; before: number; after: number }) {
  const difference = useQuery(differenceQuery(id, before, after));
  return (
    <section className="stack" aria-live="polite">
      <h2>{t("versions.between", { before, after })}</h2>
      {difference.isPending ? (
        <Loading />
      ) : difference.isError ? (
        <Problem error={difference.error} again={() => void difference.refetch()} />
      ) : difference.data.summary.length === 0 && difference.data.text === "" ? (
        <p className="faint">{t("versions.same")}</p>
      ) : (
        <>
          <ul>
            {difference.data.summary.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
          {difference.data.text && <Patch text={difference.data.text} />}
        </>
      )}
    </section>
  );
}

/** A unified diff: what went and what came, by sign and colour. */
function Patch({ text }: { text: string }) {
  return (
    <pre className="patch" tabIndex={0} role="group" aria-label={t("versions.text")}>
      {text.split("\n").map((line, at) => {
        const kind = /^(---|\+\+\+|@@)/.test(line)
          ? "mark"
          : line.startsWith("+")
            ? "came"
            : line.startsWith("-")
              ? "went"
              : undefined;
        return (
          <span key={at} className={kind}>
            {line}
            {"\n"}
          </span>
        );
      })}
    </pre>
  );
}

function Restore({ workflow, version, onClose }: { workflow: Workflow; version: Version; onClose: () => void }) {
  const edit = useEditWorkflow(workflow.id);
  return (
    <Confirm
      title={t("versions.restore_title", { version: version.version, name: workflow.name })}
      action={t("versions.restore")}
      onConfirm={async () => {
        const whole = await queries.fetchQuery(versionQuery(workflow.id, version.version));
        const saved = await edit.mutateAsync({
          spec: whole.source ?? write(whole.spec),
          files: whole.files,
          version: workflow.version,
        });
        tell(t("versions.restored", { version: version.version, now: saved.version }));
      }}
      onClose={onClose}
    >
      {t("versions.restore_hint", { version: version.version, next: workflow.version + 1 })}
    </Confirm>
  );
}
