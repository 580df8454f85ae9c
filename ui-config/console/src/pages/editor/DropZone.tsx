import { type ReactNode, useState } from "react";
import { t } from "../../text/text";

/** Takes files that are dropped anywhere in it. */
export function DropZone({
  className,
  disabled,
  onFiles,
  children,
}: {
  className: string;
  disabled: boolean;
  onFiles: (files: File[]) => void;
  children: ReactNode;
}) {
  const [over, setOver] = useState(0);
  const brings = (event: React.DragEvent) => !disabled && event.dataTransfer.types.includes("Files");
  return (
    <div
      className={className}
      onDragEnter={(event) => brings(event) && setOver((depth) => depth + 1)}
      onDragLeave={(event) => brings(event) && setOver((depth) => Math.max(0, depth - 1))}
      onDragOver={(event) => brings(event) && event.preventDefault()}
      onDrop={(event) => {
        if (!brings(event)) return;
        event.preventDefault();
        setOver(0);
        onFiles([...event.dataTransfer.files]);
      }}
    >
      {children}
      {over > 0 && (
        <div className="veil">
          <strong>{t("editor.files_let_go")}</strong>
        </div>
      )}
    </div>
  );
}
