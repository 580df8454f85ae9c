/** The state of the editor: one history of texts, what the newest one says, files, places on the canvas. */
import { useReducer } from "react";
import type { Attached } from "./drafts";
import { begin, type History, record, redo, select, undo } from "./history";
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
  files: Readonly<Record<string, Attached>>;
  /** Empty as long as places are found by the layout. */
  places: Places;
}

export type Change =
  | { type: "text"; text: string; what?: string; selected?: readonly string[]; renamed?: { from: string; to: string } }
  | { type: "select"; selected: readonly string[] }
  | { type: "undo" }
  | { type: "redo" }
  | { type: "place"; places: Places }
  | { type: "attach"; name: string; file: Attached }
  | { type: "stored"; sha256: string }
  | { type: "remove"; name: string }
  | { type: "rebase"; base: Base }
  | { type: "adopt"; base: Base };

export function opened(base: Base, draft?: { text: string; files: Record<string, Attached>; places: Places } | null): Editing {
  const text = draft?.text ?? base.text;
  const current = read(text);
  const files = draft?.files ?? stored(base.files);
  return { base, history: begin(text), current, model: current, files, places: draft?.places ?? {} };
}

function stored(files: Readonly<Record<string, string>>): Record<string, Attached> {
  return Object.fromEntries(Object.entries(files).map(([name, sha256]) => [name, { sha256, size: null, stored: true }]));
}

export function hashesOf(files: Readonly<Record<string, Attached>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([name, { sha256 }]) => [name, sha256]));
}

/** Whether there is something to save. */
export function isChanged({ base, history, files }: Editing): boolean {
  if (history.now.text !== base.text) return true;
  const names = Object.keys(files);
  return names.length !== Object.keys(base.files).length || names.some((name) => files[name]!.sha256 !== base.files[name]);
}

export function changed(editing: Editing, change: Change): Editing {
  switch (change.type) {
    case "text": {
      const selected = change.selected ?? editing.history.now.selected.map((id) => (id === change.renamed?.from ? change.renamed.to : id));
      const next = shown(editing, record(editing.history, { text: change.text, selected }, change.what ?? null, Date.now()));
      return change.renamed ? { ...next, places: moved(editing.places, change.renamed) } : next;
    }
    case "select": {
      const now = editing.history.now.selected;
      const same = now.length === change.selected.length && now.every((id) => change.selected.includes(id));
      return same ? editing : { ...editing, history: select(editing.history, change.selected) };
    }
    case "undo":
      return shown(editing, undo(editing.history));
    case "redo":
      return shown(editing, redo(editing.history));
    case "place":
      return { ...editing, places: change.places };
    case "attach":
      return { ...editing, files: { ...editing.files, [change.name]: change.file } };
    case "stored":
      return {
        ...editing,
        files: Object.fromEntries(Object.entries(editing.files).map(([name, file]) => [name, file.sha256 === change.sha256 ? { ...file, stored: true } : file])),
      };
    case "remove": {
      const { [change.name]: _, ...files } = editing.files;
      return { ...editing, files };
    }
    case "rebase":
      return { ...editing, base: change.base };
    case "adopt": {
      const next = shown(editing, record(editing.history, { text: change.base.text, selected: [] }, null, Date.now()));
      return { ...next, base: change.base, files: stored(change.base.files) };
    }
  }
}

function shown(editing: Editing, history: History): Editing {
  const current = read(history.now.text, editing.current);
  const model = current.faults.length ? editing.model : current;
  const selected = history.now.selected.filter((id) => model.byId.has(id));
  return { ...editing, history: selected.length === history.now.selected.length ? history : select(history, selected), current, model };
}

function moved(places: Places, { from, to }: { from: string; to: string }): Places {
  const { [from]: point, ...rest } = places;
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
