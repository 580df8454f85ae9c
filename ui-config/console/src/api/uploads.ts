import { queryOptions } from "@tanstack/react-query";
import { call } from "./client";
import { AwayError, ProblemError } from "./problem";

/**
 * Uploads that go on after a broken line (tus 1.0.0, docs/api.md). What is stored already is not sent again.
 * Written here rather than taken from a library: the service speaks the plain core of tus, and `call` has the session.
 */

const TUS = { "Tus-Resumable": "1.0.0" };
const PIECE = 1024 * 1024; // what is sent at once, in bytes: what arrived of it is kept even if the line breaks
const LONGEST_WAIT = 30_000; // ms
const PASSING: ReadonlySet<number> = new Set([404, 408, 409, 423, 429]); // expired, slow, not where we thought, busy

export interface Upload {
  /** Bytes that are there. */
  onProgress?: (sent: number) => void;
  signal?: AbortSignal;
}

/**
 * Store a file under its SHA-256. Tries again until it is there, `signal` stops it, or the service refuses.
 * Beginning the upload of a hash again returns the one that was begun, so nothing has to be remembered here.
 */
export async function upload(file: Blob, sha256: string, { onProgress, signal }: Upload = {}): Promise<void> {
  for (let failed = 0; ; failed++) {
    try {
      let answer = await call("/v1/uploads", {
        method: "POST",
        headers: { ...TUS, "Upload-Length": String(file.size), "Upload-Metadata": `sha256 ${btoa(sha256)}` },
        signal,
      });
      const place = answer.headers.get("Location") ?? "";
      while (!answer.headers.has("Njangi-Sha256")) {
        const offset = Number(answer.headers.get("Upload-Offset"));
        onProgress?.(offset);
        answer = await call(place, {
          method: "PATCH",
          headers: { ...TUS, "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" },
          body: file.slice(offset, offset + PIECE),
          signal,
        });
        failed = 0;
      }
      onProgress?.(file.size);
      return;
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof AwayError) && !(error instanceof ProblemError && isPassing(error, failed))) throw error;
      const told = error instanceof ProblemError && error.retryAfter ? error.retryAfter * 1000 : 0;
      await pause(told || Math.min(LONGEST_WAIT, 1000 * 2 ** failed), signal);
    }
  }
}

function isPassing(error: ProblemError, failed: number): boolean {
  if (error.status >= 500) return error.status !== 507;
  return PASSING.has(error.status) && (failed < 5 || error.status === 423 || error.status === 429);
}

/** Wait, but no longer than until the network is back. */
function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      signal?.removeEventListener("abort", stop);
      resolve();
    };
    const stop = () => {
      done();
      reject(signal?.reason);
    };
    const timer = setTimeout(done, ms);
    addEventListener("online", done);
    signal?.addEventListener("abort", stop);
  });
}

/** The size in bytes of a file that is stored; null where it may not be asked for. */
export const storedSizeQuery = (sha256: string) =>
  queryOptions({
    queryKey: ["blobs", sha256, "size"],
    queryFn: async ({ signal }): Promise<number | null> => {
      try {
        const answer = await call(`/v1/blobs/${sha256}`, { method: "HEAD", signal });
        return Number(answer.headers.get("Content-Length"));
      } catch (error) {
        if (error instanceof ProblemError && error.status < 500) return null;
        throw error;
      }
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
