import type { Schemas } from "../api/client";
import { t } from "../text/text";
import { Icon, type IconName } from "./Icon";

export type AnyStatus =
  | Schemas["RunStatus"]
  | Schemas["TaskStatus"]
  | Schemas["SubtaskStatus"]
  | Schemas["VolunteerStatus"];

export type Tone = "good" | "bad" | "warn" | "busy" | "idle";

const LOOKS: Record<AnyStatus, [Tone, IconName]> = {
  CREATED: ["idle", "dot"],
  VALIDATED: ["idle", "dot"],
  SUBMITTED: ["busy", "wait"],
  SPLITTING: ["busy", "split"],
  RUNNING: ["busy", "play"],
  PAUSED: ["warn", "pause"],
  AGGREGATING: ["busy", "workflow"],
  COMPLETED: ["good", "check"],
  FAILED: ["bad", "cross"],
  CANCELLED: ["idle", "stop"],
  PENDING: ["idle", "wait"],
  SKIPPED: ["idle", "dash"],
  QUEUED: ["idle", "wait"],
  LEASED: ["busy", "play"],
  REPORTED: ["busy", "search"],
  DEAD: ["bad", "warn"],
  ONLINE: ["good", "check"],
  OFFLINE: ["idle", "dash"],
  SUSPENDED: ["warn", "pause"],
  RETIRED: ["idle", "stop"],
};

export function toneOf(status: AnyStatus): Tone {
  return LOOKS[status][0];
}

export function iconOf(status: AnyStatus): IconName {
  return LOOKS[status][1];
}

/** A state as colour, shape and word. */
export function Status({ status }: { status: AnyStatus }) {
  const [tone, icon] = LOOKS[status];
  return (
    <span className={`status ${tone}`}>
      <Icon name={icon} size={14} />
      {t(`status.${status}`)}
    </span>
  );
}

const OVER: ReadonlySet<string> = new Set(["COMPLETED", "FAILED", "CANCELLED", "SKIPPED", "DEAD"]);

export function isOver(status: AnyStatus): boolean {
  return OVER.has(status);
}
