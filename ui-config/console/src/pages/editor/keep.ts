/** Keeps the draft in the browser, a moment after each change and when the page goes away. */
import { useEffect, useEffectEvent, useRef, useState } from "react";
import { forgetDraft, keepDraft } from "./drafts";
import { type Editing, isChanged } from "./editing";

const AFTER = 250; // ms

/** Whether the draft is kept as it is. `stop` forgets it, for good. */
export function useKeptDraft(
  user: string,
  id: string,
  editing: Editing,
  there: boolean,
): { failed: boolean; stop: () => void } {
  const { text } = editing.history.now;
  const { files, places, base } = editing;
  const kept = useRef({ there, stopped: false, pending: false });
  const [failed, setFailed] = useState(false);
  const keep = useEffectEvent(() => {
    const state = kept.current;
    if (state.stopped || !state.pending) return;
    state.pending = false;
    let work: Promise<void> | null = null;
    if (isChanged(editing)) {
      state.there = true;
      work = keepDraft(user, id, { text, files, places, version: base.version, at: Date.now() });
    } else if (state.there) {
      state.there = false;
      work = forgetDraft(user, id);
    }
    work?.then(
      () => setFailed(false),
      () => setFailed(true),
    );
  });
  useEffect(() => {
    kept.current.pending = true;
    const timer = setTimeout(() => keep(), AFTER);
    return () => clearTimeout(timer);
  }, [text, files, places, base]);
  useEffect(() => {
    const now = () => keep();
    addEventListener("pagehide", now);
    document.addEventListener("visibilitychange", now);
    return () => {
      removeEventListener("pagehide", now);
      document.removeEventListener("visibilitychange", now);
    };
  }, []);
  return {
    failed,
    stop: () => {
      kept.current.stopped = true;
      void forgetDraft(user, id);
    },
  };
}
