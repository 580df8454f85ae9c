/** Asks the service what is wrong with a text, a moment after it was changed. */
import { useEffect, useState } from "react";
import { AwayError, ProblemError } from "../../api/problem";
import { type Plan, validate } from "../../api/workflows";
import { useLink } from "../../live/live";
import type { Attached } from "./drafts";
import { hashesOf } from "./editing";
import { type Model, valueOf } from "./model";
import type { Wrong } from "./problems";

export type Checks =
  | { state: "waiting" | "away"; wrong: readonly Wrong[]; plan: null }
  | { state: "done"; wrong: readonly Wrong[]; plan: Plan | null }
  | { state: "failed"; wrong: readonly Wrong[]; plan: null; error: unknown };

const AFTER = 400; // ms
const LARGE = 32 * 1024; // characters: the service takes much longer to read YAML than JSON

export function contentOf(model: Model, files: Readonly<Record<string, Attached>>): { spec: unknown; files: Record<string, string> } {
  return { spec: model.text.length > LARGE ? valueOf(model) : model.text, files: hashesOf(files) };
}

/** What the service says about the text. What it said before stays shown until it says something new. */
export function useChecks(model: Model, files: Readonly<Record<string, Attached>>, wanted: boolean): Checks {
  const { up } = useLink();
  const [checks, setChecks] = useState<Checks>({ state: "waiting", wrong: [], plan: null });
  useEffect(() => {
    if (!wanted || model.faults.length > 0 || model.text.trim() === "") return;
    setChecks((last) => ({ state: "waiting", wrong: last.wrong, plan: null }));
    const stop = new AbortController();
    const timer = setTimeout(async () => {
      try {
        setChecks({ state: "done", wrong: [], plan: await validate(contentOf(model, files), stop.signal) });
      } catch (error) {
        if (stop.signal.aborted) return;
        setChecks((last) => {
          if (error instanceof AwayError) return { state: "away", wrong: last.wrong, plan: null };
          if (error instanceof ProblemError && error.status === 422 && error.faults.length) return { state: "done", wrong: error.faults, plan: null };
          return { state: "failed", wrong: last.wrong, plan: null, error };
        });
      }
    }, AFTER);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [model, files, wanted, up]);
  return checks;
}
