import { type FormEvent, type ReactNode, useId, useLayoutEffect, useRef, useState } from "react";
import { t } from "../text/text";
import { Problem } from "./states";
import { useAttempt } from "./useAttempt";

interface Props {
  title: string;
  onClose: () => void;
  wide?: boolean;
  children: ReactNode;
}

/** A modal window. It is there while it is rendered; Escape and the closing button call `onClose`. */
export function Dialog({ title, onClose, wide, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useLayoutEffect(() => {
    const shown = dialog.current!;
    shown.showModal();
    return () => shown.close(); // gives the focus back to what had it before
  }, []);
  const closed = () => dialog.current?.open || onClose();
  return (
    <dialog ref={dialog} className={wide ? "wide" : undefined} aria-labelledby={heading} onClose={closed}>
      <div className="stack">
        <h2 id={heading}>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  /** What will happen, naming the thing. */
  children: ReactNode;
  /** What the button says: the verb. */
  action: string;
  /** Has to be typed before anything that cannot be taken back. */
  name?: string;
  danger?: boolean;
  onConfirm: () => Promise<unknown>;
  onClose: () => void;
}

/** Asks before something is done, does it, and stays with the reason if that fails. */
export function Confirm({ title, children, action, name, danger, onConfirm, onClose }: ConfirmProps) {
  const [typed, setTyped] = useState("");
  const { busy, error, attempt } = useAttempt();
  const field = useId();
  function confirm(event: FormEvent) {
    event.preventDefault();
    void attempt(async () => {
      await onConfirm();
      onClose();
    });
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <form className="stack" onSubmit={confirm}>
        <div>{children}</div>
        {name !== undefined && (
          <div className="field">
            <label htmlFor={field}>{t("ui.type_name", { name })}</label>
            <input
              id={field}
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
              autoComplete="off"
              autoFocus
            />
          </div>
        )}
        {error !== null && <Problem error={error} />}
        <div className="row">
          <button
            type="submit"
            className={danger ? "danger" : "primary"}
            disabled={busy || (name !== undefined && typed !== name)}
          >
            {action}
          </button>
          <button type="button" onClick={onClose}>
            {t("ui.cancel")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
