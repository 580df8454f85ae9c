/** Results of subtasks that are bytes, in the list that a task's result is. */
import { isNumber } from "../../../api/exact";

export interface Reference {
  blob: string;
  size: number;
  media_type: string;
}

/** What a list tells of the bytes of each subtask, null where one failed; null if it is no such list. */
export function referencesIn(value: unknown): (Reference | null)[] | null {
  if (!Array.isArray(value) || value.length === 0 || !value.every((part) => part === null || isReference(part)))
    return null;
  return value.some((part) => part !== null) ? value : null;
}

function isReference(value: unknown): value is Reference {
  if (typeof value !== "object" || value === null || Object.keys(value).length !== 3) return false;
  const { blob, size, media_type } = value as Record<string, unknown>;
  return (
    typeof blob === "string" &&
    /^[0-9a-f]{64}$/.test(blob) &&
    isNumber(size) &&
    media_type === "application/octet-stream"
  );
}
