/** The state of the editor: one history of texts, what the newest one says, files, places on the canvas. */
import { useReducer } from "react";
import { own } from "../../api/own";
import type { Attached } from "./drafts";
import { begin, type History, type Moment, record, redo, refile, select, undo } from "./history";
import type { Places } from "../../graph/arrange";
import { type Model, read } from "./model";

/** The version that is edited: what is saved is compared with it. */
export interface Base {
  /** Null for a workflow that is not there yet. */
  version: number | null;
  text: string;
  files: Readonly<Record<string, string>>;
}

export interface Editing {
  base: Base;
  history: History;
  /** Of the text as it is; it may have faults. */
  current: Model;
  /** The last that could be read: what canvas and forms show. */
  model: Model;
  /** Those of the history's now. */
  files: Readonly<Record<string, Attached>>;
  places: Places;
}

export type Change =
  | {
      type: "text";
      text: string;
      what?: string;
      selected?: readonly string[];
      places?: Places;
      renamed?: { from: string; to: string };
    }
  | { type: "select"; selected: readonly string[] }
  | { type: "undo" }
  | { type: "redo" }
  | { type: "place"; places: Places }
  | {
      type: "attach";
      name: string;
      file: Attached;
      /** It belongs to what is begun with: no undo takes it away. */ begins?: boolean;
    }
  | { type: "stored"; sha256: string }
  | { type: "remove"; name: string }
  | { type: "rebase"; base: Base }
  | { type: "adopt"; base: Base };

export function opened(
  base: Base,
  draft?: { text: string; files: Record<string, Attached>; places: Places } | null,
): Editing {
  const text = draft?.text ?? base.text;
  const current = read(text);
  const files = draft?.files ?? stored(base.files);
  const places = draft?.places ?? {};
  return { base, history: begin({ text, files, places }), current, model: current, files, places };
}

function stored(files: Readonly<Record<string, string>>): Record<string, Attached> {
  return Object.fromEntries(
    Object.entries(files).map(([name, sha256]) => [name, { sha256, size: null, stored: true }]),
  );
}

export function hashesOf(files: Readonly<Record<string, Attached>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([name, { sha256 }]) => [name, sha256]));
}

/** Whether there is something to save. */
export function isChanged({ base, history, files }: Editing): boolean {
  if (history.now.text !== base.text) return true;
  const names = Object.keys(files);
  return (
    names.length !== Object.keys(base.files).length ||
    names.some((name) => files[name]!.sha256 !== own(base.files, name))
  );
}

export function changed(editing: Editing, change: Change): Editing {
  const { now } = editing.history;
  switch (change.type) {
    case "text": {
      const selected =
        change.selected ??
        editing.history.now.selected.map((id) => (id === change.renamed?.from ? change.renamed.to : id));
      const places = change.places ?? (change.renamed ? moved(now.places, change.renamed) : now.places);
      return shown(
        editing,
        record(editing.history, { ...now, text: change.text, selected, places }, change.what ?? null, Date.now()),
      );
    }
    case "select": {
      const same =
        now.selected.length === change.selected.length && now.selected.every((id) => change.selected.includes(id));
      return same ? editing : { ...editing, history: select(editing.history, change.selected) };
    }
    case "undo":
      return shown(editing, undo(editing.history));
    case "redo":
      return shown(editing, redo(editing.history));
    case "place": {
      const next = { ...now, places: change.places };
      const elsewhere = differing(now.places, change.places);
      if (elsewhere === "") return shown(editing, { ...editing.history, now: next }); // nothing to undo, but found anew
      return shown(editing, record(editing.history, next, `place ${elsewhere}`, Date.now()));
    }
    case "attach": {
      const attached = (files: Moment["files"]) => ({ ...files, [change.name]: change.file });
      if (change.begins) return shown(editing, refile(editing.history, attached));
      return shown(editing, record(editing.history, { ...now, files: attached(now.files) }, "attach", Date.now()));
    }
    case "stored":
      return shown(
        editing,
        refile(editing.history, (files) => storedNow(files, change.sha256)),
      );
    case "remove": {
      const { [change.name]: _, ...files } = now.files;
      return shown(editing, record(editing.history, { ...now, files }, null, Date.now()));
    }
    case "rebase":
      return { ...editing, base: change.base };
    case "adopt": {
      const theirs = { text: change.base.text, selected: [], files: stored(change.base.files), places: now.places };
      return { ...shown(editing, record(editing.history, theirs, null, Date.now())), base: change.base };
    }
  }
}

function shown(editing: Editing, history: History): Editing {
  const { text, files, places } = history.now;
  const current = text === editing.history.now.text ? editing.current : read(text, editing.current);
  const model = current.faults.length ? editing.model : current;
  const selected = history.now.selected.filter((id) => model.byId.has(id));
  return {
    ...editing,
    history: selected.length === history.now.selected.length ? history : select(history, selected),
    current,
    model,
    files,
    places,
  };
}

/** The files with those of that content marked as the service's; the same if there are none. */
function storedNow(files: Moment["files"], sha256: string): Moment["files"] {
  const all = Object.entries(files);
  if (!all.some(([, file]) => file.sha256 === sha256 && !file.stored)) return files;
  return Object.fromEntries(
    all.map(([name, file]) => [name, file.sha256 === sha256 ? { ...file, stored: true } : file]),
  );
}

/** Which tasks stand elsewhere: those that are moved on, step by step, are moved back at once. */
function differing(before: Places, after: Places): string {
  const names = Object.keys({ ...before, ...after });
  return names
    .filter((name) => own(before, name)?.x !== own(after, name)?.x || own(before, name)?.y !== own(after, name)?.y)
    .sort()
    .join(" ");
}

function moved(places: Places, { from, to }: { from: string; to: string }): Places {
  const point = own(places, from);
  const { [from]: _, ...rest } = places;
  return point ? { ...rest, [to]: point } : places;
}

/** What goes on being edited when a new workflow gets its address: the page there takes it from here. */
export interface Handed {
  id: string;
  editing: Editing;
  /** Whether a run shall be started next. */
  run: boolean;
}

let handed: Handed | null = null;

export function handOver(what: Handed | null): void {
  handed = what;
}

export function handedOver(id: string | null): Handed | null {
  return handed && handed.id === id ? handed : null;
}

export function useEditing(begin: () => Editing) {
  return useReducer(changed, null, begin);
}
