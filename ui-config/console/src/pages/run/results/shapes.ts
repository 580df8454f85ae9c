/** What a result is, so that it can be shown as what it is. Nothing here draws or fetches. */
import { asWritten, compare, type Exact, isExact, isNumber, numberOf, parse, write } from "../../../api/exact";
import { own } from "../../../api/own";
import { imageIn, type Picture } from "./images";

export interface Table {
  columns: string[];
  rows: unknown[][];
}

export type Shape =
  | { is: "nothing" }
  | { is: "number"; value: number | Exact }
  | { is: "text"; value: string }
  | { is: "yes-no"; value: boolean }
  | { is: "image"; picture: Picture }
  | { is: "images"; pictures: Picture[] }
  | { is: "table"; table: Table }
  | { is: "facts"; facts: [string, unknown][]; parts: [string, Shape][] }
  | { is: "other"; value: unknown };

const MOST_IMAGES = 60;
const DEPTH = 3;

type Fields = Record<string, unknown>;

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isExact(value);
}

function isPlain(value: unknown): boolean {
  return typeof value !== "object" || value === null || isExact(value);
}

export function shapeOf(value: unknown, depth = 0): Shape {
  if (value === null || value === undefined) return { is: "nothing" };
  if (isNumber(value)) return { is: "number", value };
  if (typeof value === "boolean") return { is: "yes-no", value };
  if (typeof value === "string") {
    const picture = imageIn(value);
    if (picture) return { is: "image", picture };
    const table = csvIn(value);
    return table ? { is: "table", table } : { is: "text", value };
  }
  if (Array.isArray(value)) {
    const pictures = value.slice(0, MOST_IMAGES).map((item) => (typeof item === "string" ? imageIn(item) : null));
    if (pictures.length > 0 && pictures.every((picture) => picture !== null)) return { is: "images", pictures };
    const table = tableIn(value);
    return table ? { is: "table", table } : { is: "other", value };
  }
  if (!isFields(value)) return { is: "other", value };
  const ours = tableOfOurs(value);
  if (ours) return { is: "table", table: ours };
  if (depth >= DEPTH) return { is: "other", value };
  const entries = Object.entries(value);
  const plain = entries.filter(([, item]) => isPlain(item) && !(typeof item === "string" && imageIn(item)));
  const parts = entries
    .filter((entry) => !plain.includes(entry))
    .map(([key, item]): [string, Shape] => [key, shapeOf(item, depth + 1)]);
  return { is: "facts", facts: plain, parts };
}

/** What `aggregate: table` makes: {"columns": [...], "rows": [[...]]}. */
function tableOfOurs(value: Fields): Table | null {
  const { columns, rows } = value;
  if (!Array.isArray(columns) || !Array.isArray(rows) || Object.keys(value).length !== 2) return null;
  if (!columns.every((column) => typeof column === "string") || !rows.every(Array.isArray)) return null;
  return { columns, rows };
}

/** A list of objects, of lists of equal length, or of plain values. Null stands for a failed subtask. */
function tableIn(items: readonly unknown[]): Table | null {
  if (items.length === 0) return null;
  if (items.some(isFields) && items.every((item) => item === null || isFields(item))) {
    const given = items.map((item): Fields => (isFields(item) ? item : {}));
    const columns = [...new Set(given.flatMap((item) => Object.keys(item)))];
    if (columns.length === 0 || columns.length > 200) return null;
    return { columns, rows: given.map((item) => columns.map((column) => own(item, column) ?? null)) };
  }
  if (items.every(Array.isArray)) {
    const width = items[0]!.length;
    if (width === 0 || width > 200 || !items.every((row) => row.length === width && row.every(isPlain))) return null;
    return { columns: Array.from({ length: width }, (_, at) => String(at + 1)), rows: [...items] };
  }
  return items.every(isPlain) ? { columns: ["value"], rows: items.map((item) => [item]) } : null;
}

const SEPARATORS = [",", ";", "\t"];

/** Comma-, semicolon- or tab-separated text whose lines have as many fields as the first, at least two. */
export function csvIn(text: string): Table | null {
  if (!text.includes("\n") || text.length > 5_000_000) return null;
  for (const separator of SEPARATORS) {
    const lines = fieldsOf(text, separator);
    const width = lines?.[0]?.length ?? 0;
    if (!lines || lines.length < 2 || width < 2 || !lines.every((line) => line.length === width)) continue;
    const [columns, ...rows] = lines;
    return { columns: columns!, rows: rows.map((row) => row.map(valueOf)) };
  }
  return null;
}

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** A field as a number where that is written as it stands there: 007 and 1.10 are kept as they are. */
function valueOf(field: string): unknown {
  if (!NUMBER.test(field)) return field;
  const value = numberOf(field);
  return String(value) === field ? value : asWritten(field);
}

/** The fields of each line (RFC 4180); null where a quote is left open. */
function fieldsOf(text: string, separator: string): string[][] | null {
  const lines: string[][] = [];
  let line: string[] = [];
  let at = 0;
  while (at < text.length) {
    let field = "";
    if (text[at] === '"') {
      for (;;) {
        const end = text.indexOf('"', at + 1);
        if (end < 0) return null;
        field += text.slice(at + 1, end);
        at = end + 1;
        if (text[at] !== '"') break;
        field += '"';
      }
      if (at < text.length && text[at] !== separator && text[at] !== "\n" && text[at] !== "\r") return null;
    } else {
      const start = at;
      while (at < text.length && text[at] !== separator && text[at] !== "\n" && text[at] !== "\r") at += 1;
      field = text.slice(start, at);
    }
    line.push(field);
    if (text[at] === separator) {
      at += 1;
      if (at === text.length) line.push("");
      continue;
    }
    if (text[at] === "\r") at += 1;
    if (text[at] === "\n") at += 1;
    lines.push(line);
    line = [];
  }
  if (line.length > 0) lines.push(line);
  return lines;
}

/** The places of columns that hold numbers, and nothing but numbers and gaps. */
export function numericColumns({ columns, rows }: Table): number[] {
  return columns
    .map((_, at) => at)
    .filter(
      (at) =>
        rows.some((row) => isNumber(row[at])) &&
        rows.every((row) => isNumber(row[at]) || row[at] === null || row[at] === ""),
    );
}

/** The rows by one column: numbers before texts, gaps last. The order of equals stays. */
export function sorted(rows: readonly unknown[][], at: number, down: boolean): unknown[][] {
  const rank = (value: unknown) => (isNumber(value) ? 0 : value === null || value === "" ? 2 : 1);
  return rows.toSorted((one, other) => {
    const [a, b] = [one[at], other[at]];
    const [first, second] = [rank(a), rank(b)];
    if (first !== second) return first - second;
    if (first === 2) return 0;
    const order =
      first === 0
        ? compare(a as number, b as number)
        : String(a).localeCompare(String(b), undefined, { numeric: true });
    return down ? -order : order;
  });
}

/** The table as comma-separated text. What a spreadsheet would take for a formula is kept from being one. */
export function csvOf({ columns, rows }: Table): string {
  return [columns, ...rows].map((row) => row.map(csvField).join(",")).join("\r\n") + "\r\n";
}

function csvField(value: unknown): string {
  if (value === null || value === undefined) return "";
  const text = typeof value === "string" ? value : write(value);
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** A value as JSON that can be read: what holds plain values alone stands in one line. */
export function pretty(value: unknown, margin = ""): string {
  if (isPlain(value) || value === undefined) return write(value);
  const items = Array.isArray(value)
    ? value.map((item): [string, unknown] => ["", item])
    : Object.entries(value as Fields).map(([key, item]): [string, unknown] => [`${JSON.stringify(key)}: `, item]);
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  if (items.every(([, item]) => isPlain(item)))
    return open + items.map(([key, item]) => key + pretty(item)).join(", ") + close;
  const inner = `${margin}  `;
  return `${open}\n${items.map(([key, item]) => inner + key + pretty(item, inner)).join(",\n")}\n${margin}${close}`;
}

const SHOWN = 4000; // characters

/** A result's JSON text as it is read best, cut where it is long. `meant` makes of its value what it stands for. */
export function resultText(json: string, meant: (value: unknown) => unknown = (value) => value, most = SHOWN): string {
  let text = json;
  try {
    const value = meant(parse(json));
    text = typeof value === "string" ? value : pretty(value);
  } catch {
    // not whole: shown as it is
  }
  return text.length > most ? `${text.slice(0, most)}…` : text;
}
