import type { Schemas } from "../api/client";
import { t } from "../text/text";
import { Icon, type IconName } from "./Icon";

export type AnyStatus =
  Schemas["RunStatus"] | Schemas["TaskStatus"] | Schemas["SubtaskStatus"] | Schemas["VolunteerStatus"];

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

/** How many parts of something have failed for good, of how many. */
export interface Counted {
  parts: number;
  failed_parts: number;
}

/**
 * A state in words. A run that completed although subtasks failed says so, and a failed one says how many failed if
 * not all did. A task without subtasks counts as no part.
 */
export function statusSaid(status: AnyStatus, of?: Counted | null): string {
  const word = t(`status.${status}`);
  const tells = of && of.failed_parts > 0 && (status !== "FAILED" || of.failed_parts < of.parts);
  return tells ? t("status.with_failed", { status: word, failed: of.failed_parts, parts: of.parts }) : word;
}

export function toneWith(status: AnyStatus, of?: Counted | null): Tone {
  const tone = toneOf(status);
  return tone === "good" && of && of.failed_parts > 0 ? "warn" : tone;
}

/** A state as colour, shape and words, of something that may have parts. */
export function Status({ status, of }: { status: AnyStatus; of?: Counted | null }) {
  return (
    <span className={`status ${toneWith(status, of)}`}>
      <Icon name={iconOf(status)} size={14} />
      {statusSaid(status, of)}
    </span>
  );
}

/** The state of a run, and whether it is being cancelled. */
export function RunState({ run }: { run: Counted & { status: Schemas["RunStatus"]; cancel_requested: boolean } }) {
  return (
    <>
      <Status status={run.status} of={run} />
      {run.cancel_requested && !isOver(run.status) && (
        <span className="status warn">
          <Icon name="stop" size={14} />
          {t("run.ending")}
        </span>
      )}
    </>
  );
}

const OVER: ReadonlySet<string> = new Set(["COMPLETED", "FAILED", "CANCELLED", "SKIPPED", "DEAD"]);

export function isOver(status: AnyStatus): boolean {
  return OVER.has(status);
}
