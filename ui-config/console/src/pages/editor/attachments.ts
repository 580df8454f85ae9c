/** Files that accompany the workflow: hashed here, kept in the browser until the service has them, sent in turn. */
import { type Dispatch, useEffect, useEffectEvent, useRef, useState } from "react";
import { own } from "../../api/own";
import { sha256Of } from "../../api/sha256";
import { upload } from "../../api/uploads";
import { type Attached, forgetFile, keepFile, keptFile } from "./drafts";
import type { Change } from "./editing";

export interface Sending {
  phase: "hashing" | "sending" | "failed" | "lost";
  /** Bytes of `size` that are done. */
  sent: number;
  size: number;
  error?: unknown;
}

type Files = Readonly<Record<string, Attached>>;

export interface Attachments {
  /** By name, those that are not with the service yet. */
  sending: Readonly<Record<string, Sending>>;
  add: (files: readonly File[]) => void;
  /** The same with files that belong to what is begun with. */
  begin: (files: readonly File[]) => void;
  remove: (name: string) => void;
  again: (name: string) => void;
}

export function useAttachments(files: Files, dispatch: Dispatch<Change>): Attachments {
  const [sending, setSending] = useState<Readonly<Record<string, Sending>>>({});
  const under = useRef(new Map<string, AbortController>());
  const turn = useRef<Promise<void>>(Promise.resolve());

  function tell(name: string, now: Sending | null) {
    setSending((all) => {
      if (now) return { ...all, [name]: now };
      const { [name]: _, ...others } = all;
      return others;
    });
  }

  /** One after the other: slow lines are not shared by ten uploads. */
  function queue(name: string, work: (signal: AbortSignal) => Promise<void>) {
    under.current.get(name)?.abort();
    const stop = new AbortController();
    under.current.set(name, stop);
    turn.current = turn.current.then(async () => {
      try {
        if (!stop.signal.aborted) await work(stop.signal);
      } catch (error) {
        if (!stop.signal.aborted)
          setSending((all) => ({
            ...all,
            [name]: { ...(own(all, name) ?? { sent: 0, size: 0 }), phase: "failed", error },
          }));
      }
    });
  }

  function send(name: string, file: Blob, sha256: string) {
    const size = file.size;
    tell(name, { phase: "sending", sent: 0, size });
    queue(name, async (signal) => {
      await upload(file, sha256, { signal, onProgress: (sent) => tell(name, { phase: "sending", sent, size }) });
      dispatch({ type: "stored", sha256 });
      tell(name, null);
      await forgetFile(sha256);
    });
  }

  function add(chosen: readonly File[], begins: boolean) {
    for (const file of chosen) {
      const name = file.webkitRelativePath || file.name;
      tell(name, { phase: "hashing", sent: 0, size: file.size });
      queue(name, async (signal) => {
        const sha256 = await sha256Of(file, signal);
        await keepFile(sha256, file).catch(() => {}); // no room for it in the browser: it is only lost at a reload
        dispatch({ type: "attach", name, file: { sha256, size: file.size, stored: false }, begins });
        send(name, file, sha256);
      });
    }
  }

  function stop(name: string) {
    under.current.get(name)?.abort();
    tell(name, null);
  }

  function remove(name: string) {
    stop(name);
    dispatch({ type: "remove", name });
  }

  async function again(name: string) {
    const file = own(files, name);
    if (!file) return;
    const kept = await keptFile(file.sha256);
    if (kept) send(name, kept, file.sha256);
    else tell(name, { phase: "lost", sent: 0, size: file.size ?? 0 });
  }

  // what a draft or an undo brought back is sent, what an undo took away is not
  const follow = useEffectEvent(() => {
    for (const [name, file] of Object.entries(files)) if (!file.stored && !own(sending, name)) void again(name);
    for (const [name, { phase }] of Object.entries(sending)) if (!own(files, name) && phase !== "hashing") stop(name);
  });
  useEffect(() => follow(), [files, sending]);
  useEffect(() => {
    const stops = under.current;
    return () => {
      for (const stop of stops.values()) stop.abort();
    };
  }, []);

  return {
    sending,
    add: (chosen) => add(chosen, false),
    begin: (given) => add(given, true),
    remove,
    again: (name) => void again(name),
  };
}
