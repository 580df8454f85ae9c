import type { Machine, Volunteer } from "../../api/volunteers";
import { number, percent, size } from "../../text/format";
import { t } from "../../text/text";
import { Icon } from "../../ui/Icon";
import { missing, reliability } from "./machines";

/** What a machine can do, in a line. */
export function Capability({ machine }: { machine: Machine }) {
  return (
    <span className="fine">
      {t("volunteers.cores", { cores: machine.cpu })}, {t("volunteers.memory", { size: size(machine.memory) })}
      <br />
      <span className="faint">{`${machine.os} ${machine.arch}, Python ${machine.python}`}</span>
    </span>
  );
}

/** Whether submitted code is kept in a sandbox there, by shape and word. */
export function Sandbox({ machine }: { machine: Machine }) {
  const boxed = machine.sandbox !== "none";
  return (
    <span className={`status ${boxed ? "good" : "warn"}`}>
      <Icon name={boxed ? "check" : "warn"} size={14} />
      {boxed ? t("sandbox.boxed", { name: machine.sandbox }) : t("sandbox.none")}
    </span>
  );
}

/** What a machine does without, in plain words. */
export function MissingProtections({ machine }: { machine: Machine }) {
  const without = missing(machine);
  if (without.length === 0) return <p className="fine faint">{t("sandbox.complete")}</p>;
  return (
    <ul className="fine times">
      {without.map(({ text, words }) => (
        <li key={words} title={words}>
          {text ? t(text) : words}
        </li>
      ))}
    </ul>
  );
}

/** How much of what it reported was accepted. */
export function Reliability({ volunteer }: { volunteer: Pick<Volunteer, "completed" | "failed"> }) {
  const share = reliability(volunteer);
  if (share === null) return <span className="faint">{t("volunteers.no_reports")}</span>;
  return (
    <span>
      {percent(share)}{" "}
      <span className="fine faint">
        {t("volunteers.of_reports", { count: number(volunteer.completed + volunteer.failed) })}
      </span>
    </span>
  );
}
