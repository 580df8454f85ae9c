import { call } from "../api/client";
import { parse } from "../api/exact";
import { frameReader } from "./frames";

/** One event of the service's log. `seq` orders them; the other fields depend on `type`. */
export interface Told {
  seq: number;
  type: string;
  at?: string;
  run_id?: string | null;
  [more: string]: unknown;
}

/** Whether events arrive, and when something was heard last (ms of this machine's clock). */
export interface Link {
  up: boolean;
  heard: number;
}

/** Where the stream starts: everything shown is newer than event `seq`, whose number came at `at` (ms). */
export interface Known {
  seq: number;
  at: number;
}

type Listener = (told: readonly Told[]) => void;

const SILENCE = 40_000; // ms; the service breaks its own silence every 15 s
const CATCH_UP = 5 * 60_000; // ms; what is older than that is asked for anew instead of being told event by event
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 20_000;
const NETWORK = ["online", "offline"] as const;

/**
 * The service's events, followed over one connection while the page is visible, without a gap: it begins after the
 * number that what is shown is newer than, and after a cut it goes on after the last number heard. Events are handed on
 * in bundles, four a second at most. An event `resync` means that some were left out, as where the stream had to begin
 * without a number: whoever shows data asks for it anew.
 */
export class Stream {
  link: Link;
  private readonly listeners = new Set<Listener>();
  private readonly watchers = new Set<() => void>();
  private last: number | null;
  private bundle: Told[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private stop: AbortController | null = null;
  private retry = () => {};
  private readonly address: string;

  constructor(known: Known | null, address = "/v1/events") {
    this.address = address;
    this.last = known?.seq ?? null;
    this.link = { up: false, heard: known?.at ?? Date.now() };
  }

  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  /**
   * Follow until the returned function is called. A hidden page is not kept up to date, and catches up when seen. Where
   * the network comes or goes, the connection that there was may be dead without a word: another one is tried at once.
   */
  follow(): () => void {
    const look = () => (document.hidden ? this.end() : this.begin());
    const retry = () => this.retry();
    document.addEventListener("visibilitychange", look);
    for (const change of NETWORK) addEventListener(change, retry);
    look();
    return () => {
      document.removeEventListener("visibilitychange", look);
      for (const change of NETWORK) removeEventListener(change, retry);
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
      const waited = await this.pause(wait * (0.7 + 0.6 * Math.random()), signal);
      wait = waited ? Math.min(wait * 2, LONGEST_WAIT) : FIRST_WAIT;
    }
  }

  /** Return whether all of the time has passed, and nothing came that makes another try worth while. */
  private pause(wait: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(true), wait);
      this.retry = () => (clearTimeout(timer), resolve(false));
      signal.addEventListener("abort", this.retry, { once: true });
    });
  }

  private async read(signal: AbortSignal): Promise<void> {
    const cut = new AbortController();
    const give = () => cut.abort();
    signal.addEventListener("abort", give, { once: true });
    this.retry = give;
    let silence = setTimeout(give, SILENCE);
    try {
      if (Date.now() - this.link.heard > CATCH_UP) this.last = null;
      const headers: Record<string, string> = { Accept: "text/event-stream" };
      if (this.last !== null) headers["Last-Event-ID"] = String(this.last);
      const answer = await call(this.address, { headers, signal: cut.signal });
      const frames = frameReader();
      const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
      this.say(true);
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(silence);
        silence = setTimeout(give, SILENCE);
        for (const { id, type, data } of frames(value)) {
          if (id !== null) {
            // answers that came before this event may be out of date
            if (this.last === null) this.take({ seq: Number(id), type: "resync" });
            this.last = Number(id);
          }
          if (data !== null) this.take({ ...(parse(data) as Told), type });
        }
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
