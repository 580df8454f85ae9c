/** Asks the service what is wrong with a text, a moment after it was changed. */
import { useEffect, useState } from "react";
import { AwayError, ProblemError } from "../../api/problem";
import { validate } from "../../api/workflows";
import { useLink } from "../../live/live";
import type { Attached } from "./drafts";
import { hashesOf } from "./editing";
import { type Model, valueOf } from "./model";
import type { Wrong } from "./problems";

export interface Checks {
  state: "waiting" | "away" | "done" | "failed";
  /** What was wrong with `of` when it was asked last. */
  wrong: readonly Wrong[];
  /** What is doubtful and keeps nothing from being done. */
  warnings: readonly Wrong[];
  of: Model;
  /** Why the check failed, where it did. */
  error: unknown;
}

const AFTER = 400; // ms
const LARGE = 32 * 1024; // characters: the service takes much longer to read YAML than JSON

export function contentOf(
  model: Model,
  files: Readonly<Record<string, Attached>>,
): { spec: unknown; files: Record<string, string> } {
  return { spec: model.text.length > LARGE ? valueOf(model) : model.text, files: hashesOf(files) };
}

/** What the service says about the text. What it said before stays shown until it says something new. */
export function useChecks(model: Model, files: Readonly<Record<string, Attached>>, wanted: boolean): Checks {
  const { up } = useLink();
  const [checks, setChecks] = useState<Checks>({ state: "waiting", wrong: [], warnings: [], of: model, error: null });
  useEffect(() => {
    if (!wanted || model.faults.length > 0 || model.text.trim() === "") return;
    setChecks((last) => ({ ...last, state: "waiting" }));
    const stop = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const { warnings } = await validate(contentOf(model, files), stop.signal);
        setChecks({ state: "done", wrong: [], warnings, of: model, error: null });
      } catch (error) {
        if (stop.signal.aborted) return;
        if (error instanceof ProblemError && error.status === 422 && error.faults.length)
          setChecks({ state: "done", wrong: error.faults, warnings: [], of: model, error: null });
        else setChecks((last) => ({ ...last, state: error instanceof AwayError ? "away" : "failed", error }));
      }
    }, AFTER);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [model, files, wanted, up]);
  return checks;
}
