import type { ReactNode } from "react";
import { Icon } from "../../../ui/Icon";

/** A file made of what is here already. */
export function DownloadText({
  name,
  text,
  type,
  children,
}: {
  name: string;
  text: string;
  type: string;
  children: ReactNode;
}) {
  function save() {
    const address = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
    const link = document.createElement("a");
    link.href = address;
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }
  return (
    <button type="button" className="small" onClick={save}>
      <Icon name="download" />
      {children}
    </button>
  );
}
