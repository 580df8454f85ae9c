import { type Exact, isExact, isNumber, write } from "../../../api/exact";
import { locale, t } from "../../../text/text";

/** A number as it was computed, not rounded; only its marks are those of the language. */
export function exact(value: number | Exact): string {
  if (isExact(value)) return value.value;
  const size = Math.abs(value);
  // 1e-300 is not written with 300 zeros
  const written = (Number.isInteger(value) && size > 1e15) || (size > 0 && size < 1e-6);
  return written ? String(value) : value.toLocaleString(locale(), { maximumSignificantDigits: 17 });
}

/** A plain value in the user's language; any other value as JSON. */
export function plain(value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (isNumber(value)) return exact(value);
  if (typeof value === "boolean") return t(value ? "results.yes" : "results.no");
  return typeof value === "string" ? value : write(value);
}
