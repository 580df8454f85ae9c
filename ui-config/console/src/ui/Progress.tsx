import { percent } from "../text/format";

/** `value` from 0 to 1; `label` names what progresses. */
export function Progress({ value, label, children }: { value: number; label: string; children?: React.ReactNode }) {
  return (
    <div className="progress">
      <progress value={value} max={1} aria-label={label} />
      <span className="fine faint">{children ?? percent(value)}</span>
    </div>
  );
}
