import { type Key, known, t } from "../../text/text";
import { Icon, type IconName } from "../../ui/Icon";
import type { Tone } from "../../ui/Status";

const LOOKS: Record<string, [Tone, IconName]> = {
  RETURNED: ["good", "check"],
  FAILED: ["bad", "cross"],
  REFUSED: ["warn", "dash"],
  HANDED_BACK: ["idle", "undo"],
  EXPIRED: ["warn", "wait"],
  TIMED_OUT: ["bad", "wait"],
};

export function outcomeName(outcome: string): string {
  const key = `outcome.${outcome}`;
  return known(key) ? t(key as Key) : outcome;
}

/** How an attempt ended, as colour, shape and word. */
export function Outcome({ outcome }: { outcome: string }) {
  const [tone, icon] = LOOKS[outcome] ?? ["idle", "dot"];
  return (
    <span className={`status ${tone}`}>
      <Icon name={icon} size={14} />
      {outcomeName(outcome)}
    </span>
  );
}
