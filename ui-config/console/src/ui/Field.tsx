import { type ReactElement, cloneElement, useId } from "react";

interface Props {
  label: string;
  hint?: string;
  fault?: string | null;
  /** One input, select or textarea. */
  children: ReactElement<Record<string, unknown>>;
}

/** An input with its label, a hint and what is wrong with it, tied together for everybody. */
export function Field({ label, hint, fault, children }: Props) {
  const id = useId();
  const described = [hint && `${id}-hint`, fault && `${id}-fault`].filter(Boolean).join(" ") || undefined;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {cloneElement(children, { id, "aria-describedby": described, "aria-invalid": fault ? true : undefined })}
      {hint && (
        <span id={`${id}-hint`} className="fine faint">
          {hint}
        </span>
      )}
      {fault && (
        <span id={`${id}-fault`} className="fault">
          {fault}
        </span>
      )}
    </div>
  );
}
