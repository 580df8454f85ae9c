/**
 * Drafts, kept in this browser: what was edited and not saved yet, with the files that wait for a network.
 * Each user's are apart; signing out leaves them, since nobody else has them.
 */
import { createStore, del, entries, get, set } from "idb-keyval";
import type { Places } from "../../graph/arrange";

export interface Attached {
  sha256: string;
  /** In bytes; null where only the service knows. */
  size: number | null;
  /** Whether the service has it. */
  stored: boolean;
}

export interface Draft {
  text: string;
  files: Record<string, Attached>;
  places: Places;
  /** The version that it was begun from; null for a new workflow. */
  version: number | null;
  /** When it was kept, in ms. */
  at: number;
}

const store = createStore("njangi-drafts", "drafts");

const draftKey = (user: string, id: string) => `draft ${user} ${id}`;
const fileKey = (sha256: string) => `file ${sha256}`;

export async function draftOf(user: string, id: string): Promise<Draft | null> {
  return (await get<Draft>(draftKey(user, id), store)) ?? null;
}

export function keepDraft(user: string, id: string, draft: Draft): Promise<void> {
  return set(draftKey(user, id), draft, store);
}

/** Forget a draft, and the files that no other draft needs. */
export async function forgetDraft(user: string, id: string): Promise<void> {
  await del(draftKey(user, id), store);
  const all = await entries<string, Draft | Blob>(store);
  const needed = new Set(
    all.flatMap(([key, value]) =>
      key.startsWith("draft ") ? Object.values((value as Draft).files).map((file) => fileKey(file.sha256)) : [],
    ),
  );
  await Promise.all(all.filter(([key]) => key.startsWith("file ") && !needed.has(key)).map(([key]) => del(key, store)));
}

/** Keep a file until the service has it. */
export function keepFile(sha256: string, file: Blob): Promise<void> {
  return set(fileKey(sha256), file, store);
}

export async function keptFile(sha256: string): Promise<Blob | null> {
  return (await get<Blob>(fileKey(sha256), store)) ?? null;
}

export function forgetFile(sha256: string): Promise<void> {
  return del(fileKey(sha256), store);
}
