/** Reads the text of a workflow: its fields, its tasks, and where in the text each of them stands. */
import { type Document, isMap, isScalar, isSeq, type Node, parseDocument, type ScalarTag, type Tags } from "yaml";
import { isExact, numberOf } from "../../api/exact";
import type { Said } from "../../text/said";
import { cut, type Piece } from "./source";

export const KINDS = ["command", "python", "wait", "sleep", "workflow"] as const;
export type Kind = (typeof KINDS)[number];
export type Path = readonly (string | number)[];
export type Fields = Record<string, unknown>;

export interface Task {
  /** Names it in the canvas: its name, or where that is missing or taken, its place. */
  id: string;
  index: number;
  /** Empty where it has none that is text. */
  name: string;
  kind: Kind | null;
  fields: Fields;
  dependencies: readonly string[];
}

/** What keeps the text from being read. `offset` counts characters from its beginning. */
export interface Fault extends Said {
  offset: number;
  /** Whether `code` is one of the library that reads YAML. */
  yaml: boolean;
}

interface Read {
  body: string;
  document: Document.Parsed;
  value: unknown;
  faults: readonly Fault[];
}

export interface Model {
  text: string;
  /** Null where the text could not be cut into pieces and was read as a whole. */
  pieces: readonly Piece[] | null;
  fields: Fields;
  tasks: readonly Task[];
  byId: ReadonlyMap<string, Task>;
  /** Empty where the text could be read. */
  faults: readonly Fault[];
  /** Where each piece begins, and its document; for the text as a whole, one of each. */
  parts: readonly { at: number; read: Read }[];
}

/** Whole numbers of more digits than a number of the browser holds: they keep all of them. */
const LONG_NUMBER: ScalarTag = {
  tag: "tag:yaml.org,2002:int",
  default: true,
  test: /^[-+]?\d{16,}$/,
  identify: isExact,
  resolve: (text) => numberOf(text.replace("+", "")),
  stringify: ({ value }) => String(value),
};

const OPTIONS = {
  version: "1.2",
  prettyErrors: false,
  uniqueKeys: true,
  customTags: (tags: Tags): Tags => [LONG_NUMBER, ...tags],
} as const;

export function parsed(text: string): Document.Parsed {
  return parseDocument(text, OPTIONS);
}

function readPiece(body: string): Read {
  const document = parsed(body);
  const faults: Fault[] = document.errors.map((error) => ({
    offset: error.pos[0],
    detail: firstLine(error.message),
    code: error.code,
    yaml: true,
  }));
  let value: unknown = null;
  if (faults.length === 0) {
    try {
      value = document.toJS({ maxAliasCount: 0 });
    } catch (error) {
      faults.push({ offset: 0, detail: firstLine(error instanceof Error ? error.message : String(error)), yaml: true });
    }
  }
  return { body, document, value, faults };
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}

/** Read a text. What of it is as in `before` is not read again, and its tasks are the same objects. */
export function read(text: string, before?: Model): Model {
  if (before?.text === text) return before;
  const pieces = cut(text);
  return pieces ? readPieces(text, pieces, before) : readWhole(text);
}

function readPieces(text: string, pieces: readonly Piece[], before?: Model): Model {
  const known = new Map(before?.pieces ? before.parts.map(({ read }) => [read.body, read]) : []);
  const fields: Fields = {};
  const faults: Fault[] = [];
  const values: unknown[] = [];
  const parts: { at: number; read: Read }[] = [];
  let offset = 0;
  for (const piece of pieces) {
    const at = offset + piece.lead.length;
    const part = known.get(piece.body) ?? readPiece(piece.body);
    known.set(piece.body, part);
    parts.push({ at, read: part });
    for (const fault of part.faults) faults.push({ ...fault, offset: at + fault.offset });
    if (piece.kind === "field" || piece.kind === "tasks") {
      if (Object.hasOwn(fields, piece.key))
        faults.push({
          offset: at,
          detail: `the key '${piece.key}' is given twice`,
          code: "key-twice",
          values: { name: piece.key },
          yaml: false,
        });
      fields[piece.key] = isObject(part.value) ? part.value[piece.key] : null;
    } else if (piece.kind === "task") {
      values.push(Array.isArray(part.value) && part.value.length === 1 ? part.value[0] : null);
    }
    offset = at + piece.body.length;
  }
  delete fields.tasks;
  return { text, pieces, fields, ...taskList(values, before), faults, parts };
}

function readWhole(text: string): Model {
  const part = readPiece(text);
  const value = isObject(part.value) ? part.value : {};
  const { tasks, ...fields } = value;
  const faults = [...part.faults];
  if (faults.length === 0 && part.value !== null && !isObject(part.value)) {
    faults.push({
      offset: 0,
      detail: "a workflow is an object with the fields name and tasks",
      code: "no-workflow",
      yaml: false,
    });
  }
  return {
    text,
    pieces: null,
    fields,
    ...taskList(Array.isArray(tasks) ? tasks : []),
    faults,
    parts: [{ at: 0, read: part }],
  };
}

function taskList(values: readonly unknown[], before?: Model): Pick<Model, "tasks" | "byId"> {
  const byId = new Map<string, Task>();
  const tasks = values.map((value, index) => {
    const fields = isObject(value) ? value : {};
    const name = typeof fields.name === "string" ? fields.name : "";
    const id = name && !byId.has(name) ? name : `#${index}`;
    const old = before?.byId.get(id);
    const task =
      old && old.index === index && old.fields === value
        ? old
        : { id, index, name, kind: kindOf(fields), fields, dependencies: dependenciesOf(fields) };
    byId.set(id, task);
    return task;
  });
  return { tasks, byId };
}

export function kindOf(fields: Fields): Kind | null {
  return KINDS.find((kind) => fields[kind] !== undefined && fields[kind] !== null) ?? null;
}

function dependenciesOf(fields: Fields): string[] {
  const given = fields.dependencies;
  return Array.isArray(given) ? [...new Set(given.filter((name): name is string => typeof name === "string"))] : [];
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The whole as JSON values: what the service reads in the text. */
export function valueOf(model: Model): Fields {
  return { ...model.fields, tasks: model.tasks.map((task) => task.fields) };
}

/** The parts of a JSON Pointer. */
export function partsOf(pointer: string): string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** Where in the text the thing that a JSON Pointer names stands, or the nearest thing around it that is there. */
export function offsetOf(model: Model, pointer: string): number {
  let parts = partsOf(pointer);
  let part = model.parts[0];
  if (model.pieces) {
    const [field, index] = parts;
    if (field === "tasks" && index !== undefined) {
      part = model.parts[nthTask(model.pieces, Number(index))];
      parts = ["0", ...parts.slice(2)];
    } else if (field !== undefined) part = model.parts[model.pieces.findIndex((piece) => piece.key === field)];
  }
  if (!part) return 0;
  let node: unknown = part.read.document.contents;
  let offset = startOf(node) ?? 0;
  for (const name of parts) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === name);
      if (!pair) break;
      offset = startOf(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(name)];
      offset = startOf(node) ?? offset;
    } else break;
  }
  return part.at + offset;
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null)?.range?.[0];
}

function nthTask(pieces: readonly Piece[], index: number): number {
  let seen = -1;
  return pieces.findIndex((piece) => piece.kind === "task" && ++seen === index);
}

/** Where the `index`th task begins and ends in the text. */
export function spanOf(model: Model, index: number): { from: number; to: number } {
  const from = offsetOf(model, `/tasks/${index}`);
  const part = model.pieces ? model.parts[nthTask(model.pieces, index)] : undefined;
  return { from, to: part ? part.at + part.read.body.length : from };
}

/** The line of an offset, from 1 on. */
export function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}
