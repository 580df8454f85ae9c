import { type Exact, numberOf, parse, write } from "../../api/exact";

/** Values of fields as people type them, and back. */

/** A parameter's value as text: "5" is the number, "five" the text. A text that looks like a value gets quotes. */
export function textOf(value: unknown): string {
  if (value === undefined) return "";
  if (typeof value === "string") return valueOf(value) === value ? value : write(value);
  return write(value);
}

/** JSON where the text is JSON, else the text itself, as the command `njangi` reads parameters. */
export function valueOf(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return text;
  }
}

/** A command as one line. */
export function commandText(command: unknown): string {
  if (typeof command === "string") return command;
  if (!Array.isArray(command)) return command === undefined || command === null ? "" : String(command);
  return command.map((argument) => quoted(String(argument))).join(" ");
}

function quoted(argument: string): string {
  return /^[\w@%+=:,./{}-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\"'\"'")}'`;
}

/** A number where the text is one, else the text, which the service will say is none; nothing where it is empty. */
export function numberOr(text: string): number | Exact | string | undefined {
  const bare = text.trim();
  if (bare === "") return undefined;
  if (/^-?\d+$/.test(bare)) return numberOf(bare);
  const value = Number(bare);
  return Number.isFinite(value) && /^[-+.\d]/.test(bare) ? value : text;
}

/** The parts between commas. */
export function listOf(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/** The items of a split as they are typed, one a line. */
export function itemsOf(text: string): unknown[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => valueOf(line.trim()));
}

/** A field as text, whatever it holds. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : write(value);
}
