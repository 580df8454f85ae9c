import type { ReactNode } from "react";
import { AwayError, ProblemError } from "../api/problem";
import { languageOf, problemSaid, refusalSaid } from "../text/said";
import { t } from "../text/text";

export function Loading() {
  return (
    <div className="loading" role="status">
      {t("ui.loading")}
    </div>
  );
}

/** What stands where a list has nothing to show: what would be here, and how to come to it. */
export function Empty({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}

/** Why something did not work, and what can be done. */
export function Problem({ error, again }: { error: unknown; again?: () => void }) {
  return (
    <div className="problem" role="alert">
      <strong>{titleOf(error)}</strong>
      {error instanceof ProblemError && <p lang={languageOf(refusalSaid(error), error.detail)}>{refusalSaid(error)}</p>}
      {error instanceof ProblemError && error.faults.length > 0 && (
        <ul>
          {error.faults.map((fault) => (
            <li key={fault.pointer + fault.detail}>
              <code>{fault.pointer || "/"}</code>{" "}
              <span lang={languageOf(problemSaid(fault), fault.detail)}>{problemSaid(fault)}</span>
            </li>
          ))}
        </ul>
      )}
      {error instanceof ProblemError && error.requestId && error.status >= 500 && (
        <p className="fine faint">{t("problem.request", { id: error.requestId })}</p>
      )}
      {again && (
        <div>
          <button type="button" className="small" onClick={again}>
            {t("ui.again")}
          </button>
        </div>
      )}
    </div>
  );
}

/** In one sentence, why something did not work. */
export function inWords(error: unknown): string {
  return error instanceof ProblemError ? refusalSaid(error) : titleOf(error);
}

function titleOf(error: unknown): string {
  if (error instanceof AwayError) return t("problem.away");
  if (!(error instanceof ProblemError)) return t("problem.unexpected");
  if (error.status === 403) return t("problem.forbidden");
  if (error.status === 404) return t("problem.missing");
  if (error.status === 409 || error.status === 412) return t("problem.conflict");
  if (error.status === 429) return t("problem.often");
  if (error.status >= 500) return t("problem.trouble");
  return t("problem.refused");
}
