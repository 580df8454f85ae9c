import { useState } from "react";
import { useLink } from "../live/live";
import { duration } from "../text/format";
import { t } from "../text/text";
import { Icon } from "../ui/Icon";
import { useNow } from "../ui/Ago";

const SPOKEN_OF = 8; // s

/** Says how old the data is while nothing arrives. */
export function Staleness() {
  const link = useLink();
  const now = useNow();
  const [begun] = useState(Date.now);
  const old = (now - link.heard) / 1000;
  if (link.up || old < SPOKEN_OF || (navigator.onLine && now - begun < SPOKEN_OF * 1000)) return null;
  return (
    <p className="stale" role="status">
      <Icon name="warn" /> {navigator.onLine ? t("shell.stale", { age: duration(old) }) : t("shell.offline", { age: duration(old) })}
    </p>
  );
}
