import { type ReactNode, useId, useRef } from "react";

/** A button that opens a list of actions (native popover). Children are buttons and links. */
export function Menu({ label, children, className }: { label: ReactNode; children: ReactNode; className?: string }) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  function place() {
    const from = button.current?.getBoundingClientRect();
    const to = list.current;
    if (!from || !to) return;
    const width = to.offsetWidth;
    const below = from.bottom + to.offsetHeight + 8 < innerHeight;
    to.style.left = `${Math.max(8, Math.min(from.left, innerWidth - width - 8))}px`;
    to.style.top = `${below ? from.bottom + 4 : Math.max(8, from.top - to.offsetHeight - 4)}px`;
  }
  return (
    <>
      <button type="button" ref={button} className={className} popoverTarget={id} aria-haspopup="true">
        {label}
      </button>
      <div
        id={id}
        popover="auto"
        ref={list}
        className="menu"
        onToggle={place}
        onClick={() => list.current?.hidePopover()}
      >
        {children}
      </div>
    </>
  );
}
