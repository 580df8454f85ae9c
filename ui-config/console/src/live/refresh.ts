import type { QueryClient, QueryKey } from "@tanstack/react-query";

const APART = 1000; // ms between two askings of the same answers
const STILL = 250; // ms until it is looked again whether an answer has arrived

/**
 * Marks answers as old, so that those in view are loaded anew: each at most once a second, and not while the last
 * asking is under way. Events come faster than answers do on a slow line; starting over at each would show none.
 */
export class Refresher {
  private readonly client: QueryClient;
  private readonly waiting = new Map<string, ReturnType<typeof setTimeout>>();
  private readonly asked = new Map<string, number>();

  constructor(client: QueryClient) {
    this.client = client;
  }

  old(key: QueryKey): void {
    const name = JSON.stringify(key);
    if (!this.waiting.has(name)) this.later(name, key, Math.max(0, (this.asked.get(name) ?? 0) + APART - Date.now()));
  }

  end(): void {
    for (const timer of this.waiting.values()) clearTimeout(timer);
    this.waiting.clear();
  }

  private later(name: string, key: QueryKey, wait: number): void {
    this.waiting.set(name, setTimeout(() => this.ask(name, key), wait));
  }

  private ask(name: string, key: QueryKey): void {
    if (this.client.isFetching({ queryKey: key }) > 0) return this.later(name, key, STILL);
    this.waiting.delete(name);
    this.asked.set(name, Date.now());
    void this.client.invalidateQueries({ queryKey: key });
  }
}
