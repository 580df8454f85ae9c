import { createParser } from "eventsource-parser";
import { call } from "../api/client";

/** One event of the service's log. `seq` orders them; the other fields depend on `type`. */
export interface Told {
  seq: number;
  type: string;
  at?: string;
  run_id?: string | null;
  [more: string]: unknown;
}

export type Link = { up: boolean; heard: number };

type Listener = (told: readonly Told[]) => void;

const SILENCE = 40_000; // ms; the service breaks its own silence every 15 s
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 20_000;

/**
 * The service's events, followed over one connection while the page is visible, without a gap: after a cut it goes
 * on after the last number heard. Events are handed on in bundles, four a second at most. An event `resync` means
 * that some were left out: whoever shows data asks for it anew.
 */
export class Stream {
  link: Link = { up: false, heard: Date.now() };
  private readonly listeners = new Set<Listener>();
  private readonly watchers = new Set<() => void>();
  private last: number | null = null;
  private bundle: Told[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private stop: AbortController | null = null;
  private readonly address: string;

  constructor(address = "/v1/events") {
    this.address = address;
  }

  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  /** Follow until the returned function is called. A hidden page is not kept up to date, and catches up when seen. */
  follow(): () => void {
    const look = () => (document.hidden ? this.end() : this.begin());
    document.addEventListener("visibilitychange", look);
    addEventListener("online", look);
    look();
    return () => {
      document.removeEventListener("visibilitychange", look);
      removeEventListener("online", look);
      this.end();
    };
  }

  private begin(): void {
    if (this.stop) return;
    this.stop = new AbortController();
    void this.run(this.stop.signal);
  }

  private end(): void {
    this.stop?.abort();
    this.stop = null;
  }

  private async run(signal: AbortSignal): Promise<void> {
    let wait = FIRST_WAIT;
    while (!signal.aborted) {
      const began = Date.now();
      try {
        await this.read(signal);
      } catch {
        // told by `link`; what is asked otherwise tells why
      }
      this.say(false);
      if (Date.now() - began > SILENCE) wait = FIRST_WAIT;
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, wait * (0.7 + 0.6 * Math.random()));
        signal.addEventListener("abort", () => (clearTimeout(timer), resolve(null)), { once: true });
      });
      wait = Math.min(wait * 2, LONGEST_WAIT);
    }
  }

  private async read(signal: AbortSignal): Promise<void> {
    const cut = new AbortController();
    const give = () => cut.abort();
    signal.addEventListener("abort", give, { once: true });
    let silence = setTimeout(give, SILENCE);
    try {
      const headers: Record<string, string> = { Accept: "text/event-stream" };
      if (this.last !== null) headers["Last-Event-ID"] = String(this.last);
      const answer = await call(this.address, { headers, signal: cut.signal });
      const parser = createParser({
        onEvent: (event) => {
          if (event.id) this.last = Number(event.id);
          if (event.data) this.take({ ...JSON.parse(event.data), type: event.event ?? "" });
        },
      });
      const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
      this.say(true);
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(silence);
        silence = setTimeout(give, SILENCE);
        parser.feed(value);
        this.say(true);
      }
    } finally {
      clearTimeout(silence);
      signal.removeEventListener("abort", give);
    }
  }

  private take(told: Told): void {
    this.bundle.push(told);
    this.timer ??= setTimeout(() => {
      const bundle = this.bundle;
      this.bundle = [];
      this.timer = undefined;
      for (const listener of this.listeners) listener(bundle);
    }, 250);
  }

  private say(up: boolean): void {
    const now = Date.now();
    if (up === this.link.up && (!up || now - this.link.heard < 1000)) return;
    this.link = { up, heard: up ? now : this.link.heard };
    for (const watcher of this.watchers) watcher();
  }
}
