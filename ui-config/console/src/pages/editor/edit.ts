/**
 * Changes of a workflow as changes of its text. Only the changed lines are rewritten; comments and order stay.
 * Each function takes a text that could be read (`read`) and returns the new one.
 */
import { type Document, isCollection, isMap, isScalar, isSeq, type Node, visit } from "yaml";
import { circle } from "../../graph/dependencies";
import { OUTCOME } from "../../graph/placeholders";
import { isObject, type Kind, KINDS, type Model, parsed, type Path, read } from "./model";
import { cut, indentOf, join, type Piece } from "./source";

const WRITE = { lineWidth: 0, flowCollectionPadding: false, blockQuote: "literal" } as const;
/** The order in which fields of a workflow are written where they are new. */
const ORDER = [
  "name",
  "description",
  "tags",
  "priority",
  "metadata",
  "deadline",
  "inputs",
  "files",
  "parameters",
  "tolerated_failure",
  "cleanup",
  "tasks",
];

/** What a task of a kind begins with: something that the service accepts, where there is such a thing. */
const NEW: Record<Kind, Record<string, unknown>> = {
  command: { command: "echo hello" },
  python: { python: { function: "run", source: "def run():\n    return 42\n" } },
  wait: { wait: { signal: "approve" } },
  sleep: { sleep: "10m" },
  workflow: { workflow: "" },
};
const OF_VOLUNTEERS = [
  "files",
  "resources",
  "timeouts",
  "retry",
  "split",
  "aggregate",
  "parse",
  "tolerated_failure",
  "priority",
];

/** The text as pieces; one that is written otherwise (as JSON, say) is written anew as indented YAML. */
function piecesOf(model: Model): Piece[] {
  if (model.pieces) return model.pieces.map((piece) => ({ ...piece }));
  const document = parsed(model.text);
  visit(document, { Collection: (_, node) => void (node.flow = false), Scalar: (_, node) => void delete node.type });
  const pieces = cut(document.contents === null ? "" : document.toString(WRITE));
  if (!pieces) throw new Error("the text cannot be written anew");
  return pieces;
}

function rewritten(piece: Piece, indent: number, change: (document: Document.Parsed) => void): Piece {
  const document = parsed(piece.body);
  change(document);
  return { ...piece, body: indented(document.toString(WRITE), indent) };
}

function tasksOf(pieces: readonly Piece[]): number[] {
  return pieces.flatMap((piece, at) => (piece.kind === "task" ? [at] : []));
}

/** Put `value` at `path`; undefined takes it away, and what is empty without it. */
function put(document: Document.Parsed, path: Path, value: unknown): void {
  if (value === undefined) {
    document.deleteIn(path);
    for (let up = path.slice(0, -1); up.length > 1; up = up.slice(0, -1)) {
      const around = document.getIn(up);
      if (!isCollection(around) || around.items.length > 0) break;
      document.deleteIn(up);
    }
    return;
  }
  for (let length = 1; length < path.length; length++) {
    const around = document.getIn(path.slice(0, length));
    // "split: 5" is replaced by "split: {range: 5}"
    if (around !== undefined && !isCollection(around)) document.deleteIn(path.slice(0, length));
  }
  const old = document.getIn(path, true) as Node | undefined;
  if (isScalar(old) && (typeof value !== "object" || value === null)) {
    if (typeof old.value !== typeof value || String(value).includes("\n")) delete old.type;
    delete old.source;
    delete old.format;
    old.value = value;
  } else {
    const node = document.createNode(value);
    if (old && isCollection(old) && isCollection(node)) {
      node.flow = old.flow;
      node.commentBefore = old.commentBefore;
    } else if (isSeq(node)) node.flow = node.items.every(isScalar);
    else if (isMap(node) && path.length > 1) node.flow = isFlat(value);
    document.setIn(path, node);
  }
  if (typeof value === "string" && value.includes("\n")) {
    for (let length = 1; length < path.length; length++) {
      const around = document.getIn(path.slice(0, length), true);
      if (isCollection(around)) around.flow = false; // so that the lines can stand as they are
    }
  }
}

/** Whether an object is better written on one line: few fields, each a short value. */
function isFlat(value: unknown): boolean {
  const values = Object.values(value as object);
  return (
    values.length <= 3 &&
    values.every((item) => (typeof item !== "object" || item === null) && !String(item).includes("\n"))
  );
}

/** Change a field of the workflow. */
export function setField(model: Model, path: Path, value: unknown): string {
  const pieces = piecesOf(model);
  return join(putField(pieces, path, value));
}

function putField(pieces: Piece[], path: Path, value: unknown): Piece[] {
  const key = String(path[0]);
  const at = pieces.findIndex((piece) => piece.kind === "field" && piece.key === key);
  if (at >= 0 && value === undefined && path.length === 1) {
    pieces.splice(
      at,
      1,
      ...(pieces[at]!.lead.trim() ? [{ kind: "rest", key: "", lead: pieces[at]!.lead, body: "" } as Piece] : []),
    );
    return pieces;
  }
  if (at >= 0) {
    const piece = rewritten(pieces[at]!, 0, (document) => put(document, path, value));
    const left = parsed(piece.body).get(key);
    if (path.length > 1 && value === undefined && isCollection(left) && left.items.length === 0)
      return putField(pieces, [key], undefined);
    pieces[at] = piece;
    return pieces;
  }
  if (value === undefined) return pieces;
  const piece = rewritten({ kind: "field", key, lead: "", body: "{}" }, 0, (document) => {
    if (isMap(document.contents)) document.contents.flow = false;
    put(document, path, value);
  });
  const rank = ORDER.indexOf(key);
  const before = pieces.findIndex(
    (other) => other.kind === "tasks" || (other.kind === "field" && ORDER.indexOf(other.key) > rank),
  );
  pieces.splice(before < 0 ? pieces.length : before, 0, piece);
  return pieces;
}

/** Change a field of the task at `index`. */
export function setTaskField(model: Model, index: number, path: Path, value: unknown): string {
  return changeTasks(model, [index], (document) => put(document, [0, ...path], value));
}

function changeTasks(
  model: Model,
  indexes: readonly number[],
  change: (document: Document.Parsed, index: number) => void,
): string {
  const pieces = piecesOf(model);
  const places = tasksOf(pieces);
  const indent = indentOf(pieces);
  for (const index of indexes) {
    const at = places[index];
    if (at !== undefined) pieces[at] = rewritten(pieces[at]!, indent, (document) => change(document, index));
  }
  return join(pieces);
}

/** Give a key of the object at `path` another name, in the task at `index` or in the workflow. */
export function renameKey(model: Model, index: number | null, path: Path, from: string, to: string): string {
  const change = (document: Document.Parsed, around: Path) => {
    const map = document.getIn(around);
    if (!isMap(map)) return;
    for (const pair of map.items) if (isScalar(pair.key) && pair.key.value === from) pair.key.value = to;
  };
  if (index !== null) return changeTasks(model, [index], (document) => change(document, [0, ...path]));
  const pieces = piecesOf(model);
  return join(
    pieces.map((piece) =>
      piece.kind === "field" && piece.key === path[0]
        ? rewritten(piece, 0, (document) => change(document, path))
        : piece,
    ),
  );
}

/** The fields of a function whose code has moved, to a file or to its source. All other fields stay. */
export function codeIn(
  python: Readonly<Record<string, unknown>>,
  where: { file: string } | { source: string },
): Record<string, unknown> {
  const { file: _, source: __, ...rest } = python;
  return { ...rest, ...where };
}

/** Make a task of the workflow another kind of task; what means nothing for that kind goes. */
export function setKind(model: Model, index: number, kind: Kind): string {
  return changeTasks(model, [index], (document) => {
    for (const other of KINDS) if (other !== kind) document.deleteIn([0, other]);
    if (kind !== "command" && kind !== "python") for (const field of OF_VOLUNTEERS) document.deleteIn([0, field]);
    if (kind === "python") document.deleteIn([0, "parse"]);
    if (kind === "wait" || kind === "sleep") document.deleteIn([0, "parameters"]);
    if (kind !== "workflow") document.deleteIn([0, "on_parent_cancel"]);
    if (!document.hasIn([0, kind])) {
      const [[, value]] = Object.entries(NEW[kind]) as [[string, unknown]];
      put(document, [0, kind], value);
    }
  });
}

/** A name that no task has: `wanted`, else with the next free number. */
export function freeName(taken: ReadonlySet<string>, wanted: string): string {
  if (!taken.has(wanted)) return wanted;
  const stem = wanted.replace(/-\d+$/, "");
  for (let number = 2; ; number++) if (!taken.has(`${stem}-${number}`)) return `${stem}-${number}`;
}

function namesOf(model: Model): Set<string> {
  return new Set(model.tasks.map((task) => task.name));
}

/** Put tasks, each the text of a list of one at the margin, after those that are there. */
function insertTasks(pieces: Piece[], tasks: readonly string[]): string {
  const indent = indentOf(pieces);
  const made = tasks.map((text): Piece => ({ kind: "task", key: "", lead: "", body: indented(text, indent) }));
  if (!pieces.some((piece) => piece.key === "name")) putField(pieces, ["name"], "my-workflow");
  let head = pieces.findIndex((piece) => piece.kind === "tasks");
  if (head < 0) {
    const rest = pieces.findIndex((piece) => piece.kind === "rest");
    head = rest < 0 ? pieces.length : rest;
    pieces.splice(head, 0, { kind: "tasks", key: "tasks", lead: "", body: "tasks:\n" });
  } else pieces[head] = { ...pieces[head]!, body: pieces[head]!.body.replace(/\s*\[\s*\]/, "") };
  const after = tasksOf(pieces).at(-1) ?? head;
  for (let at = 0; at <= after; at++) pieces[at] = ended(pieces[at]!);
  pieces.splice(after + 1, 0, ...made);
  return join(pieces);
}

function indented(text: string, by: number): string {
  return by ? text.replace(/^(?=.)/gm, " ".repeat(by)) : text;
}

function taskText(fields: Record<string, unknown>): string {
  const document = parsed("");
  document.contents = document.createNode([{}]) as never;
  for (const [name, value] of Object.entries(fields)) put(document, [0, name], value);
  return document.toString(WRITE);
}

function ended(piece: Piece): Piece {
  return piece.body === "" || piece.body.endsWith("\n") ? piece : { ...piece, body: `${piece.body}\n` };
}

export function addTask(
  model: Model,
  kind: Kind,
  dependencies: readonly string[] = [],
): { text: string; name: string } {
  const name = freeName(namesOf(model), kind);
  const fields = { name, ...NEW[kind], ...(dependencies.length ? { dependencies: [...dependencies] } : {}) };
  return { text: insertTasks(startOf(model), [taskText(fields)]), name };
}

function startOf(model: Model): Piece[] {
  return model.text.trim() === "" ? [] : piecesOf(model);
}

/** Take tasks away, and the dependencies of others on them. */
export function removeTasks(model: Model, ids: ReadonlySet<string>): string {
  const gone = model.tasks.filter((task) => ids.has(task.id));
  const names = new Set(gone.map((task) => task.name));
  for (const task of model.tasks) if (!ids.has(task.id)) names.delete(task.name); // another one has that name, too
  const indexes = new Set(gone.map((task) => task.index));
  const touched = model.tasks.filter(
    (task) => !indexes.has(task.index) && task.dependencies.some((name) => names.has(name)),
  );
  const next = read(
    changeTasks(
      model,
      touched.map((task) => task.index),
      (document, index) => {
        const left = model.tasks[index]!.dependencies.filter((name) => !names.has(name));
        dependOn(document, left);
      },
    ),
    model,
  );
  let pieces = piecesOf(next);
  const places = tasksOf(pieces);
  const dropped = new Set([...indexes].map((index) => places[index]));
  pieces = pieces.filter((_, at) => !dropped.has(at));
  if (indexes.size === model.tasks.length) {
    pieces = pieces.map((piece) =>
      piece.kind === "tasks" ? { ...piece, body: piece.body.replace(/tasks:(?!\s*\[)/, "tasks: []") } : piece,
    );
  }
  if (typeof model.fields.cleanup === "string" && names.has(model.fields.cleanup))
    putField(pieces, ["cleanup"], undefined);
  return join(pieces);
}

function dependOn(document: Document.Parsed, names: readonly string[]): void {
  const old = document.getIn([0, "dependencies"]);
  if (names.length === 0) put(document, [0, "dependencies"], undefined);
  else if (isSeq(old)) {
    old.items = old.items.filter((item) => isScalar(item) && names.includes(String(item.value)));
    for (const name of names)
      if (!old.items.some((item) => isScalar(item) && item.value === name)) old.add(document.createNode(name));
  } else put(document, [0, "dependencies"], [...names]);
}

/** Give a task another name, in all that speaks of it: dependencies, placeholders of its result, the clean-up. */
export function rename(model: Model, index: number, to: string): string {
  const from = model.tasks[index]?.name ?? "";
  if (from === "" || model.tasks.some((task) => task.index !== index && task.name === from)) {
    return setTaskField(model, index, ["name"], to); // nobody can mean it by that name
  }
  const speak = model.tasks.filter(
    (task) =>
      task.index === index || task.dependencies.includes(from) || JSON.stringify(task.fields).includes(`{${from}.`),
  );
  const text = changeTasks(
    model,
    speak.map((task) => task.index),
    (document, at) => {
      if (at === index) put(document, [0, "name"], to);
      renameIn(document, from, to);
    },
  );
  return model.fields.cleanup === from ? setField(read(text, model), ["cleanup"], to) : text;
}

function renameIn(document: Document.Parsed, from: string, to: string): void {
  const dependencies = document.getIn([0, "dependencies"]);
  if (isSeq(dependencies))
    for (const item of dependencies.items) if (isScalar(item) && item.value === from) item.value = to;
  for (const field of ["command", "parameters", "split"]) {
    const node = document.getIn([0, field], true) as Node | undefined;
    if (!node) continue;
    visit(node, {
      Scalar(key, scalar) {
        if (key === "key" || typeof scalar.value !== "string") return;
        scalar.value = scalar.value.replace(OUTCOME, (whole, before: string, name: string, what: string) =>
          name === from ? `${before}{${to}.${what}}` : whole,
        );
      },
    });
  }
}

/** Make `to` depend on `from`; where that would close a circle, say so instead. */
export function connect(model: Model, from: string, to: string): { text: string } | { circle: string[] } {
  const way = circle(model.tasks, from, to);
  if (way) return { circle: way };
  const task = model.tasks.find((other) => other.name === to);
  if (!task || task.dependencies.includes(from)) return { text: model.text };
  return { text: changeTasks(model, [task.index], (document) => dependOn(document, [...task.dependencies, from])) };
}

export function disconnect(model: Model, links: readonly { from: string; to: string }[]): string {
  const gone = new Map<string, Set<string>>();
  for (const { from, to } of links) gone.set(to, (gone.get(to) ?? new Set()).add(from));
  const tasks = model.tasks.filter((task) => gone.has(task.name));
  return changeTasks(
    model,
    tasks.map((task) => task.index),
    (document, index) =>
      dependOn(
        document,
        model.tasks[index]!.dependencies.filter((name) => !gone.get(model.tasks[index]!.name)!.has(name)),
      ),
  );
}

/** Tasks as text for the clipboard: a list in YAML. */
export function copyOf(model: Model, ids: ReadonlySet<string>): string {
  if (model.pieces) {
    const indent = indentOf(model.pieces);
    const bodies = model.pieces
      .filter((piece) => piece.kind === "task")
      .filter((_, index) => ids.has(model.tasks[index]!.id))
      .map((piece) => ended(piece).body);
    return bodies.join("").replace(new RegExp(`^ {1,${indent || 1}}`, "gm"), (spaces) => spaces.slice(indent));
  }
  const document = parsed("");
  document.contents = document.createNode(
    model.tasks.filter((task) => ids.has(task.id)).map((task) => task.fields),
  ) as never;
  return document.toString(WRITE);
}

/** Add the tasks that a text lists, under free names, without dependencies on unknown tasks. Null if it lists none. */
export function paste(model: Model, clipboard: string): { text: string; names: string[] } | null {
  const document = parsed(clipboard);
  if (document.errors.length || !isSeq(document.contents)) return null;
  const values: unknown = document.toJS({ maxAliasCount: 0 });
  if (
    !Array.isArray(values) ||
    values.length === 0 ||
    !values.every((value) => isObject(value) && typeof value.name === "string")
  )
    return null;
  const taken = namesOf(model);
  const renamed = new Map<string, string>();
  for (const item of document.contents.items) {
    const name = String(isMap(item) ? item.get("name") : "");
    const free = freeName(taken, name);
    taken.add(free);
    renamed.set(name, free);
  }
  const texts = document.contents.items.map((item) => {
    const one = parsed("[]");
    one.contents = one.createNode([]) as never;
    (one.contents as unknown as { items: unknown[] }).items.push(item);
    const own = String(one.getIn([0, "name"]));
    for (const [from, to] of renamed) if (from !== to && from !== own) renameIn(one, from, to);
    one.setIn([0, "name"], renamed.get(own));
    const dependencies = one.getIn([0, "dependencies"]);
    if (isSeq(dependencies)) {
      dependOn(
        one,
        dependencies.items.map((name) => String(isScalar(name) ? name.value : name)).filter((name) => taken.has(name)),
      );
    }
    return one.toString(WRITE);
  });
  return { text: insertTasks(startOf(model), texts), names: [...renamed.values()] };
}
