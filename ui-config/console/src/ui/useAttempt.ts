import { useState } from "react";

/** Do something that may be refused: whether it is under way, and why it did not work. */
export function useAttempt() {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  async function attempt(what: () => Promise<unknown>): Promise<void> {
    setBusy(true);
    setError(null);
    try {
      await what();
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  }
  return { busy, error, attempt };
}
