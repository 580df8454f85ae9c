import { createContext, type ReactNode, useContext, useEffect, useEffectEvent, useState, useSyncExternalStore } from "react";
import { meQuery } from "../api/me";
import { queries } from "../api/queries";
import { concerned } from "./concerned";
import { Refresher } from "./refresh";
import { type Link, Stream, type Told } from "./stream";

const Live = createContext<Stream | null>(null);

/** Keeps everything below it up to date: events mark the answers they change as old, which loads those in view anew. */
export function LiveData({ children }: { children: ReactNode }) {
  const [stream] = useState(begun);
  useEffect(() => {
    const refresher = new Refresher(queries);
    const stop = stream.listen((told) => concerned(told).forEach((key) => refresher.old(key)));
    const end = stream.follow();
    return () => {
      end();
      refresher.end();
      stop();
    };
  }, [stream]);
  return <Live value={stream}>{children}</Live>;
}

/** What is shown at first may be older than the page: it was kept in the browser. */
function begun(): Stream {
  const stream = new Stream();
  const asked = queries.getQueryState(meQuery.queryKey)?.dataUpdatedAt;
  if (asked) stream.link = { up: false, heard: asked };
  return stream;
}

function useStream(): Stream {
  const stream = useContext(Live);
  if (!stream) throw new Error("there is no stream of events here");
  return stream;
}

/** Call `listener` with each bundle of events, as long as the component is there. */
export function useEvents(listener: (told: readonly Told[]) => void): void {
  const stream = useStream();
  const hear = useEffectEvent(listener);
  useEffect(() => stream.listen((told) => hear(told)), [stream]);
}

/** Whether events arrive, and when something was heard last (ms). */
export function useLink(): Link {
  const stream = useStream();
  return useSyncExternalStore(stream.watch, () => stream.link);
}
