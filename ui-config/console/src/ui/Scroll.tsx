import type { ReactNode } from "react";

interface Props {
  /** What the table shows: it is read out when the keyboard comes here. */
  label: string;
  /** Whether it may be long, and is scrolled within the page. */
  long?: boolean;
  children: ReactNode;
}

/** A table that may be wider than the page: scrolled by the keyboard too. */
export function Scroll({ label, long, children }: Props) {
  return (
    <div className={long ? "scroll long" : "scroll"} role="group" aria-label={label} tabIndex={0}>
      {children}
    </div>
  );
}
