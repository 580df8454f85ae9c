import { useQuery } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { storedSizeQuery } from "../../api/uploads";
import { size } from "../../text/format";
import { t } from "../../text/text";
import { Confirm } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import { Progress } from "../../ui/Progress";
import { Problem } from "../../ui/states";
import type { Attachments, Sending } from "./attachments";
import type { Attached } from "./drafts";

interface Props {
  files: Readonly<Record<string, Attached>>;
  attachments: Attachments;
  editable: boolean;
  /** The names that the workflow speaks of. */
  used: ReadonlySet<string>;
}

/** The files that accompany the workflow. */
export function FilesPanel({ files, attachments, editable, used }: Props) {
  const input = useRef<HTMLInputElement>(null);
  const [removing, setRemoving] = useState<string | null>(null);
  const names = [...new Set([...Object.keys(files), ...Object.keys(attachments.sending)])].sort();
  return (
    <div className="stack">
      <p className="faint">{t("editor.files_what")}</p>
      {editable && (
        <div className="drop-here">
          <p>{t("editor.files_drop")}</p>
          <button type="button" onClick={() => input.current?.click()}>
            <Icon name="add" /> {t("editor.files_choose")}
          </button>
          <input
            ref={input}
            type="file"
            multiple
            hidden
            aria-label={t("editor.files_choose")}
            onChange={(event) => {
              attachments.add([...(event.target.files ?? [])]);
              event.target.value = "";
            }}
          />
        </div>
      )}
      {names.length === 0 ? (
        <p className="faint">{t("editor.files_none")}</p>
      ) : (
        <ul className="files" aria-label={t("editor.files")}>
          {names.map((name) => (
            <li key={name}>
              <Icon name="file" />
              <div>
                <strong className="mono">{name}</strong>
                <p className="fine faint">
                  {files[name] && <Size file={files[name]} />}
                  {files[name] && !used.has(name) && <> · {t("editor.file_unused")}</>}
                </p>
                {attachments.sending[name] && (
                  <Going name={name} sending={attachments.sending[name]} onAgain={() => attachments.again(name)} />
                )}
              </div>
              {editable && (
                <button
                  type="button"
                  className="plain small"
                  aria-label={t("editor.remove_named", { name })}
                  onClick={() => setRemoving(name)}
                >
                  <Icon name="trash" />
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
      {removing !== null && (
        <Confirm
          title={t("editor.remove_file")}
          action={t("editor.remove_file")}
          danger
          onClose={() => setRemoving(null)}
          onConfirm={async () => attachments.remove(removing)}
        >
          <p>{t("editor.remove_file_what", { name: removing })}</p>
        </Confirm>
      )}
    </div>
  );
}

function Size({ file }: { file: Attached }) {
  return file.size === null ? <AskedSize sha256={file.sha256} /> : <>{size(file.size)}</>;
}

function AskedSize({ sha256 }: { sha256: string }) {
  const asked = useQuery(storedSizeQuery(sha256));
  return <>{typeof asked.data === "number" ? size(asked.data) : "…"}</>;
}

function Going({ name, sending, onAgain }: { name: string; sending: Sending; onAgain: () => void }) {
  switch (sending.phase) {
    case "hashing":
      return (
        <p className="fine" role="status">
          {t("editor.file_hashing")}
        </p>
      );
    case "sending":
      return (
        <Progress value={sending.size ? sending.sent / sending.size : 0} label={t("editor.file_sending", { name })}>
          {t("editor.file_sent", { sent: size(sending.sent), size: size(sending.size) })}
        </Progress>
      );
    case "lost":
      return <p className="fault fine">{t("editor.file_lost")}</p>;
    case "failed":
      return <Problem error={sending.error} again={onAgain} />;
  }
}
