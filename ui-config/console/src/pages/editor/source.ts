/**
 * Cuts the text of a workflow into pieces that can be read and rewritten on their own: one for each field of the
 * workflow and one for each task. So an edit touches only the lines of one task, and the others are not read again.
 */

export interface Piece {
  kind: "field" | "tasks" | "task" | "rest";
  /** The field's name; empty for a task and for the rest. */
  key: string;
  /** Blank lines and comments before it, which belong to it. */
  lead: string;
  body: string;
}

const BLANK = /^\s*(#.*)?$/;
const KEY = /^(?:"([^"\\]*)"|'([^']*)'|([A-Za-z_][\w-]*))[ \t]*:(?:[ \t]+(.*))?$/;
const NO_TASKS = /^(\[\s*\])?\s*(#.*)?$/;

/** The pieces, which make the text again when joined; null where it is not written as an indented list of tasks. */
export function cut(text: string): Piece[] | null {
  const pieces: Piece[] = [];
  let waiting: string[] = []; // blank lines and comments that may belong to what comes
  let among = false; // the tasks
  let depth = -1; // of the dashes before tasks
  const begin = (kind: Piece["kind"], key: string, line: string, column: number) => {
    const lead = leading(pieces.at(-1), waiting, column);
    waiting = [];
    pieces.push({ kind, key, lead, body: line });
  };
  for (const line of text.match(/[^\n]*\n|[^\n]+$/g) ?? []) {
    const bare = line.replace(/\n$/, "");
    if (BLANK.test(bare)) {
      waiting.push(line);
      continue;
    }
    const column = bare.search(/[^ ]/);
    const dash = bare[column] === "-" && (bare.length === column + 1 || bare[column + 1] === " ");
    if (among && dash && (depth === -1 || column === depth)) {
      depth = column;
      begin("task", "", line, column);
    } else if (column === 0) {
      const found = KEY.exec(bare);
      if (!found) return null;
      const key = found[1] ?? found[2] ?? found[3] ?? "";
      among = key === "tasks";
      if (among && !NO_TASKS.test(found[4] ?? "")) return null;
      if (among && depth !== -1) return null;
      begin(among ? "tasks" : "field", key, line, 0);
    } else {
      const current = pieces.at(-1);
      if (!current || current.kind === "tasks" || (current.kind === "task" && column <= depth)) return null;
      current.body += waiting.join("") + line;
      waiting = [];
    }
  }
  if (waiting.length) {
    const lead = leading(pieces.at(-1), waiting, Math.max(0, depth));
    if (lead) pieces.push({ kind: "rest", key: "", lead, body: "" });
  }
  return pieces;
}

/** Give the piece before what of the lines is indented as its own, and return the rest of them. */
function leading(before: Piece | undefined, lines: string[], column: number): string {
  let own = lines.length;
  while (own > 0 && (lines[own - 1]!.trim() === "" || lines[own - 1]!.search(/[^ ]/) <= column)) own--;
  if (before && before.kind !== "tasks") before.body += lines.slice(0, own).join("");
  else own = 0;
  return lines.slice(own).join("");
}

export function join(pieces: readonly Piece[]): string {
  return pieces.map((piece) => piece.lead + piece.body).join("");
}

/** How far the tasks' dashes stand from the margin. */
export function indentOf(pieces: readonly Piece[]): number {
  const task = pieces.find((piece) => piece.kind === "task");
  return task ? Math.max(0, task.body.search(/[^ ]/)) : 2;
}
