import { useEffect, useState, useSyncExternalStore } from "react";
import { t } from "../text/text";
import { Icon } from "./Icon";

interface Toast {
  id: number;
  text: string;
}

const SHOWN = 6000;
let toasts: readonly Toast[] = [];
let count = 0;
const watchers = new Set<() => void>();

function put(next: readonly Toast[]): void {
  toasts = next;
  for (const watcher of watchers) watcher();
}

/** Tell, for a few seconds, that something was done. What went wrong is told where it was asked for. */
export function tell(text: string): void {
  put([...toasts.slice(-2), { id: ++count, text }]);
}

export function Toasts() {
  const shown = useSyncExternalStore(
    (watcher) => (watchers.add(watcher), () => watchers.delete(watcher)),
    () => toasts,
  );
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map((toast) => (
        <One key={toast.id} toast={toast} />
      ))}
    </div>
  );
}

function One({ toast }: { toast: Toast }) {
  const [close] = useState(() => () => put(toasts.filter((other) => other.id !== toast.id)));
  useEffect(() => {
    const timer = setTimeout(close, SHOWN);
    return () => clearTimeout(timer);
  }, [close]);
  return (
    <div>
      <span>{toast.text}</span>
      <button type="button" className="plain small" aria-label={t("ui.close")} onClick={close}>
        <Icon name="close" />
      </button>
    </div>
  );
}
