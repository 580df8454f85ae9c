import { useEffect, useState } from "react";
import { t } from "../text/text";
import { Icon } from "./Icon";

/** Put a text where it can be pasted from; the older way serves pages that came without encryption. */
async function copy(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** A button that copies `text` and says that it did. `label` says what is copied. */
export function Copy({ text, label = t("ui.copy") }: { text: string; label?: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 2500);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <button type="button" className="small" onClick={() => void copy(text).then(() => setCopied(true))}>
      <Icon name={copied ? "check" : "copy"} size={14} />
      <span aria-live="polite">{copied ? t("ui.copied") : label}</span>
    </button>
  );
}

/** A text to be taken elsewhere: a command, an address, a secret. */
export function Copyable({ text, label }: { text: string; label?: string }) {
  return (
    <div className="copyable">
      <pre tabIndex={0}>{text}</pre>
      <Copy text={text} label={label} />
    </div>
  );
}
