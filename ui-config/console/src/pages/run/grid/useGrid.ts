import { useEffect, useEffectEvent, useRef, useState } from "react";
import { queries } from "../../../api/queries";
import { gridQuery } from "../../../api/runs";
import { useEvents, useLink } from "../../../live/live";
import type { Told } from "../../../live/stream";
import { apply, decode, type Grid } from "./grid";

interface Live {
  grid: Grid | null;
  error: unknown;
  /** Rises whenever the grid's cells have changed. */
  version: number;
  again: () => void;
}

/** The run's cells, kept up to date by events; fetched anew where events may have been missed. */
export function useGrid(runId: string): Live {
  const [state, setState] = useState<{ grid: Grid | null; error: unknown; version: number }>({
    grid: null,
    error: null,
    version: 0,
  });
  const current = useRef<Grid | null>(null);
  const heard = useRef<Told[] | null>(null); // what is told while the cells are on their way
  const [asked, setAsked] = useState(0);
  const link = useLink();
  const again = () => setAsked((count) => count + 1);
  const arrived = useEffectEvent((body: ArrayBuffer) => {
    const grid = decode(body);
    apply(grid, runId, heard.current ?? []);
    heard.current = null;
    current.current = grid;
    setState((before) => ({ grid, error: null, version: before.version + 1 }));
  });
  const failed = useEffectEvent((error: unknown) => {
    heard.current = null;
    setState((before) => ({ ...before, error }));
  });
  useEffect(() => {
    let wanted = true;
    heard.current = [];
    queries
      .fetchQuery(gridQuery(runId))
      .then((body) => wanted && arrived(body))
      .catch((error: unknown) => wanted && failed(error));
    return () => void (wanted = false);
  }, [runId, asked, link.up]); // what could not be fetched is fetched when the service is back
  useEvents((bundle) => {
    if (bundle.some(({ type }) => type === "resync")) return again();
    heard.current?.push(...bundle.filter((told) => told.run_id === runId));
    const grid = current.current;
    if (!grid) return;
    const before = grid.version;
    apply(grid, runId, bundle);
    if (grid.version !== before) setState((last) => ({ ...last, version: last.version + 1 }));
  });
  return { ...state, again };
}
