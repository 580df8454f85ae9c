import { type ReactNode, useMemo } from "react";
import { t } from "../../text/text";
import { type Change, changes } from "./changes";
import { difference, excerpt } from "./diff";
import { read } from "./model";

interface Content {
  text: string;
  files: Readonly<Record<string, string>>;
}

/** What leads from one content to the other: in words, and line by line. */
export function Differences({ before, after, open }: { before: Content; after: Content; open?: boolean }) {
  const told = useMemo(() => changes(read(before.text), before.files, read(after.text), after.files), [before, after]);
  const lines = useMemo(() => excerpt(difference(before.text, after.text)), [before.text, after.text]);
  if (told.length === 0 && lines.length === 0) return <p className="faint">{t("editor.no_changes")}</p>;
  return (
    <>
      <ul className="told">
        {told.length === 0 && <li>{t("editor.only_writing")}</li>}
        {told.map((change) => (
          <li key={JSON.stringify(change)}>{said(change)}</li>
        ))}
      </ul>
      {lines.length > 0 && (
        <details className="fold" open={open}>
          <summary>{t("editor.line_by_line")}</summary>
          <pre className="diff" tabIndex={0} aria-label={t("editor.line_by_line")}>
            {lines.map((line, at): ReactNode => {
              if (line === null)
                return (
                  <span key={at} className="gap">
                    {"⋯\n"}
                  </span>
                );
              const sign = line.kind === "new" ? "+" : line.kind === "old" ? "−" : " ";
              return <span key={at} className={line.kind}>{`${sign} ${line.text}\n`}</span>;
            })}
          </pre>
        </details>
      )}
    </>
  );
}

function said(change: Change): string {
  switch (change.what) {
    case "added":
      return t("editor.change.added", { task: change.task });
    case "removed":
      return t("editor.change.removed", { task: change.task });
    case "renamed":
      return t("editor.change.renamed", { from: change.from, task: change.task });
    case "changed":
      return t("editor.change.changed", { task: change.task, fields: change.fields.join(", ") });
    case "field":
      return t("editor.change.field", { field: change.field });
    case "file_added":
      return t("editor.change.file_added", { file: change.file });
    case "file_removed":
      return t("editor.change.file_removed", { file: change.file });
    case "file_changed":
      return t("editor.change.file_changed", { file: change.file });
  }
}
