import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

const PIECE = 512 * 1024;

/**
 * The SHA-256 of a file, in hex. The page stays alive meanwhile. The browser's own function hashes only what is in
 * memory as a whole, and only on https pages; files are large, and many services run at a plain http address.
 */
export async function sha256Of(file: Blob, signal?: AbortSignal): Promise<string> {
  const hash = sha256.create();
  for (let at = 0; at < file.size; at += PIECE) {
    signal?.throwIfAborted();
    hash.update(new Uint8Array(await file.slice(at, at + PIECE).arrayBuffer()));
  }
  return bytesToHex(hash.digest());
}
