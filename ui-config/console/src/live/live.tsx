import {
  createContext,
  type ReactNode,
  useContext,
  useEffect,
  useEffectEvent,
  useState,
  useSyncExternalStore,
} from "react";
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
    let up = false;
    const ignore = stream.watch(() => {
      if (stream.link.up && !up) refresher.mend();
      up = stream.link.up;
    });
    const end = stream.follow();
    return () => {
      end();
      ignore();
      refresher.end();
      stop();
    };
  }, [stream]);
  return <Live value={stream}>{children}</Live>;
}

/** The page learns who asks before it asks anything else: the stream starts after the newest event of that moment. */
function begun(): Stream {
  const me = queries.getQueryState(meQuery.queryKey);
  return new Stream(me?.data ? { seq: me.data.last_event, at: me.dataUpdatedAt } : null);
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
