import { t } from "../../text/text";
import { Icon } from "../../ui/Icon";
import { Problem as Refusal } from "../../ui/states";
import type { Checks } from "./checks";
import type { Problem } from "./problems";

interface Props {
  problems: readonly Problem[];
  warnings: readonly Problem[];
  checks: Checks;
  unreadable: boolean;
  empty: boolean;
  onGo: (problem: Problem) => void;
}

/** What is wrong and what is doubtful, as it was found last. Pressing one leads to it. */
export function ProblemList({ problems, warnings, checks, unreadable, empty, onGo }: Props) {
  return (
    <section className="problems" aria-label={t("editor.problems")}>
      <h2>
        <span role="status" className="row">
          {problems.length > 0 ? (
            <span className="status bad">
              <Icon name="warn" /> {t("editor.problem_count", { count: problems.length })}
            </span>
          ) : (
            <Calm checks={checks} empty={empty} />
          )}
          {problems.length > 0 && checks.state === "waiting" && !unreadable && (
            <span className="fine faint">{t("editor.checking")}</span>
          )}
          {checks.state === "away" && problems.length > 0 && (
            <span className="fine faint">{t("editor.checks_away")}</span>
          )}
        </span>
      </h2>
      {checks.state === "failed" && <Refusal error={checks.error} />}
      <Places of={problems} onGo={onGo} unreadable={unreadable} />
      {warnings.length > 0 && (
        <p className="doubtful status warn">
          <Icon name="warn" /> {t("editor.warning_count", { count: warnings.length })}
        </p>
      )}
      <Places of={warnings} onGo={onGo} />
    </section>
  );
}

function Places({
  of,
  unreadable = false,
  onGo,
}: {
  of: readonly Problem[];
  unreadable?: boolean;
  onGo: (problem: Problem) => void;
}) {
  if (of.length === 0) return null;
  return (
    <ul>
      {of.map((problem) => (
        <li key={`${problem.offset} ${problem.pointer} ${problem.detail}`}>
          <button type="button" className="plain" onClick={() => onGo(problem)}>
            <span className="fine faint number">{t("editor.line", { line: problem.line })}</span>
            <span>
              {(problem.task !== null || problem.field) && (
                <strong>
                  {[problem.task, problem.field.slice(1).replaceAll("/", " › ")].filter(Boolean).join(" › ")}:{" "}
                </strong>
              )}
              {unreadable && <strong>{t("editor.unreadable")} </strong>}
              <span>{problem.detail}</span>
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}

function Calm({ checks, empty }: { checks: Checks; empty: boolean }) {
  if (empty) return <span className="faint">{t("editor.nothing_to_check")}</span>;
  switch (checks.state) {
    case "waiting":
      return <span className="faint">{t("editor.checking")}</span>;
    case "away":
      return (
        <span className="status warn">
          <Icon name="warn" /> {t("editor.checks_away")}
        </span>
      );
    case "failed":
      return (
        <span className="status warn">
          <Icon name="warn" /> {t("editor.checks_failed")}
        </span>
      );
    case "done":
      return (
        <span className="status good">
          <Icon name="check" /> {t("editor.no_problems")}
        </span>
      );
  }
}
