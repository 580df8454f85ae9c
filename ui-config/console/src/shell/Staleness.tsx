import { useEffect, useState } from "react";
import { queries } from "../api/queries";
import { Doubts } from "../live/doubts";
import { useLink } from "../live/live";
import { duration } from "../text/format";
import { t } from "../text/text";
import { Icon } from "../ui/Icon";

const BEAT = 1000; // ms

/** Seconds in steps, so that readers of screens do not hear of each. */
function rounded(seconds: number): number {
  const step = seconds < 60 ? 5 : 60;
  return Math.floor(seconds / step) * step;
}

/** Says how old what is in view is, where it may no longer be so. */
export function Staleness() {
  const link = useLink();
  const [doubts] = useState(() => new Doubts());
  const [seconds, setSeconds] = useState<number | null>(null);
  useEffect(() => {
    function look() {
      if (document.hidden) return;
      const oldest = doubts.look(queries.getQueryCache().findAll({ type: "active" }), link, Date.now());
      setSeconds(oldest === null ? null : rounded((Date.now() - oldest) / 1000));
    }
    look();
    const timer = setInterval(look, BEAT);
    return () => clearInterval(timer);
  }, [doubts, link]);
  if (seconds === null) return null;
  const says = !navigator.onLine ? "shell.offline" : link.up ? "shell.behind" : "shell.stale";
  return (
    <p className="stale" role="status">
      <Icon name="warn" /> {t(says, { age: duration(seconds) })}
    </p>
  );
}
