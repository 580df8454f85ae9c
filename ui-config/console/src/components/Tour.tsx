import { useEffect, useId, useLayoutEffect, useRef, useState } from "react";
import { t } from "../text/text";
import { beside, rememberTour, STEPS } from "./tourSteps";

/** Shows somebody around: a window that points at one thing after the other. Escape ends it. */
export default function Tour({ onEnd }: { onEnd: () => void }) {
  const [steps] = useState(() => STEPS.filter((step) => document.querySelector(step.target)));
  const [at, setAt] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const heading = useId();
  const step = steps[at];
  function end() {
    rememberTour();
    onEnd();
  }
  useLayoutEffect(() => {
    const shown = box.current;
    if (!shown || !step) return;
    const target = document.querySelector<HTMLElement>(step.target);
    if (!shown.matches(":popover-open")) shown.showPopover();
    target?.classList.add("pointed");
    target?.scrollIntoView({ block: "nearest" });
    const place = () => {
      if (!target) return;
      const { left, top } = beside(
        target.getBoundingClientRect(),
        { width: shown.offsetWidth, height: shown.offsetHeight },
        { width: innerWidth, height: innerHeight },
      );
      shown.style.left = `${left}px`;
      shown.style.top = `${top}px`;
    };
    place();
    shown.focus();
    addEventListener("resize", place);
    addEventListener("scroll", place, { passive: true });
    return () => {
      target?.classList.remove("pointed");
      removeEventListener("resize", place);
      removeEventListener("scroll", place);
    };
  }, [step]);
  const before = useRef<Element | null>(null);
  useEffect(() => {
    before.current = document.activeElement;
    return () => (before.current as HTMLElement | null)?.focus?.();
  }, []);
  if (!step) return null;
  const last = at === steps.length - 1;
  return (
    <div
      ref={box}
      popover="manual"
      role="dialog"
      aria-labelledby={heading}
      tabIndex={-1}
      className="tour stack"
      onKeyDown={(event) => event.key === "Escape" && end()}
    >
      <h2 id={heading}>{t(step.title)}</h2>
      <p>{t(step.text)}</p>
      <div className="head">
        <span className="fine faint">{t("tour.step", { at: at + 1, of: steps.length })}</span>
        <div className="row">
          {!last && (
            <button type="button" className="plain small" onClick={end}>
              {t("tour.skip")}
            </button>
          )}
          {at > 0 && (
            <button type="button" className="small" onClick={() => setAt(at - 1)}>
              {t("tour.back")}
            </button>
          )}
          <button type="button" className="small primary" onClick={() => (last ? end() : setAt(at + 1))}>
            {last ? t("tour.end") : t("tour.next")}
          </button>
        </div>
      </div>
    </div>
  );
}
