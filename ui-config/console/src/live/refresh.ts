import type { QueryClient, QueryKey } from "@tanstack/react-query";
import { worthAnotherTry } from "../api/queries";

const APART = 1000; // ms between two askings of the same answers
const STILL = 250; // ms until it is looked again whether an answer has arrived
const AGAIN = 10_000; // ms until what could not be asked is asked again

/**
 * Marks answers as old, so that those in view are loaded anew: each at most once a second, and not while the last
 * asking is under way. Events come faster than answers do on a slow line; starting over at each would show none. What
 * cannot be asked is asked again until it can: no further event may tell of it.
 */
export class Refresher {
  private readonly client: QueryClient;
  private readonly waiting = new Map<string, ReturnType<typeof setTimeout>>();
  private readonly asked = new Map<string, number>();
  private ended = false;

  constructor(client: QueryClient) {
    this.client = client;
  }

  old(key: QueryKey): void {
    const name = JSON.stringify(key);
    if (!this.waiting.has(name)) this.later(name, key, Math.max(0, (this.asked.get(name) ?? 0) + APART - Date.now()));
  }

  /** Load what is in view and known to be old: the service was away, and answers again. */
  mend(): void {
    void this.client.refetchQueries({
      type: "active",
      predicate: ({ state }) => state.isInvalidated || state.status === "error",
    });
  }

  end(): void {
    this.ended = true;
    for (const timer of this.waiting.values()) clearTimeout(timer);
    this.waiting.clear();
  }

  private later(name: string, key: QueryKey, wait: number): void {
    this.waiting.set(
      name,
      setTimeout(() => void this.ask(name, key), wait),
    );
  }

  private async ask(name: string, key: QueryKey): Promise<void> {
    if (this.client.isFetching({ queryKey: key }) > 0) return this.later(name, key, STILL);
    this.waiting.delete(name);
    this.asked.set(name, Date.now());
    await this.client.invalidateQueries({ queryKey: key });
    const failed = this.client
      .getQueryCache()
      .findAll({ queryKey: key, type: "active" })
      .some(({ state }) => worthAnotherTry(0, state.error));
    if (failed && !this.ended && !this.waiting.has(name)) this.later(name, key, AGAIN);
  }
}
