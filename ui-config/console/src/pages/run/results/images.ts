/** Pictures among results: recognised by how they begin, whatever they are called. Never shown as a page. */

export interface Picture {
  type: "image/png" | "image/jpeg" | "image/gif" | "image/svg+xml" | "image/x-portable-anymap";
  bytes: Uint8Array<ArrayBuffer>;
}

const MOST = 8_000_000; // characters

const DATA = /^data:image\/(?:png|jpeg|gif|svg\+xml)[^,]{0,60};base64,/;
const BASE64: [string, Picture["type"]][] = [
  ["iVBORw0KGgo", "image/png"],
  ["/9j/", "image/jpeg"],
  ["R0lGOD", "image/gif"],
];

export function imageIn(text: string): Picture | null {
  if (text.length < 8 || text.length > MOST) return null;
  const data = DATA.exec(text);
  if (data) {
    const bytes = fromBase64(text.slice(data[0].length));
    const type = bytes && typeOf(bytes);
    return bytes && type ? { type, bytes } : null;
  }
  for (const [begin, type] of BASE64) {
    if (!text.startsWith(begin)) continue;
    const bytes = fromBase64(text);
    return bytes && bytes.length > 16 ? { type, bytes } : null;
  }
  if (/^P[1-3]\s/.test(text)) return { type: "image/x-portable-anymap", bytes: new TextEncoder().encode(text) };
  if (/^\s*(<\?xml[^>]*>\s*)?(<!--[^]*?-->\s*)?(<!DOCTYPE svg[^>]*>\s*)?<svg[\s>]/.test(text.slice(0, 2000))) {
    return { type: "image/svg+xml", bytes: new TextEncoder().encode(text) };
  }
  return null;
}

function typeOf(bytes: Uint8Array): Picture["type"] | null {
  const begin = String.fromCharCode(...bytes.subarray(0, 6));
  if (begin.startsWith("\x89PNG")) return "image/png";
  if (begin.startsWith("\xff\xd8\xff")) return "image/jpeg";
  if (begin.startsWith("GIF8")) return "image/gif";
  if (/^P[1-6]\s/.test(begin)) return "image/x-portable-anymap";
  return /<svg[\s>]/.test(new TextDecoder().decode(bytes.subarray(0, 2000))) ? "image/svg+xml" : null;
}

/** What kind of picture bytes are, by the first of them: only kinds that every browser shows. */
export function pictureType(begin: Uint8Array): "image/png" | "image/jpeg" | "image/gif" | null {
  const text = String.fromCharCode(...begin.subarray(0, 8));
  if (text === "\x89PNG\r\n\x1a\n") return "image/png";
  if (text.startsWith("\xff\xd8\xff")) return "image/jpeg";
  return text.startsWith("GIF87a") || text.startsWith("GIF89a") ? "image/gif" : null;
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch {
    return null;
  }
}

export interface Pixels {
  width: number;
  height: number;
  /** Red, green, blue, opacity of each pixel. */
  data: Uint8ClampedArray<ArrayBuffer>;
}

const MOST_PIXELS = 40_000_000;
const CHANNELS: Record<string, number> = { P1: 1, P2: 1, P3: 3, P4: 1, P5: 1, P6: 3 };

/** Read a portable bitmap, graymap or pixmap (P1 to P6). Raises Error where it is none, or too large. */
export function readPnm(bytes: Uint8Array): Pixels {
  let at = 0;
  function skip(): void {
    for (;;) {
      while (bytes[at] !== undefined && bytes[at]! <= 32) at += 1;
      if (bytes[at] !== 35) return; // a comment, to the end of its line
      while (bytes[at] !== undefined && bytes[at] !== 10) at += 1;
    }
  }
  function word(): string {
    skip();
    const start = at;
    while (bytes[at] !== undefined && bytes[at]! > 32) at += 1;
    return String.fromCharCode(...bytes.subarray(start, at));
  }
  function whole(): number {
    skip();
    const start = at;
    let value = 0;
    for (let digit = bytes[at]; digit !== undefined && digit >= 48 && digit <= 57; digit = bytes[(at += 1)])
      value = value * 10 + digit - 48;
    if (at === start) throw new Error("a number is missing in the picture");
    return value;
  }
  const kind = word();
  const channels = CHANNELS[kind];
  if (!channels) throw new Error("not a portable anymap");
  const [width, height] = [whole(), whole()];
  const bits = kind === "P1" || kind === "P4";
  const white = bits ? 1 : whole();
  if (width === 0 || height === 0 || width * height > MOST_PIXELS || white === 0 || white > 65535)
    throw new Error("a picture of no good size");
  const next =
    kind < "P4" ? (bits ? bit : whole) : ((at += 1), packedReader(bytes, () => at++, bits, width, white > 255));
  function bit(): number {
    skip();
    return bytes[at++] === 49 ? 1 : 0;
  }
  const data = new Uint8ClampedArray(4 * width * height);
  for (let pixel = 0; pixel < width * height; pixel += 1) {
    for (let channel = 0; channel < 3; channel += 1) {
      if (channel < channels) {
        const share = Math.min(1, next() / white);
        data[4 * pixel + channel] = 255 * (bits ? 1 - share : share);
      } else data[4 * pixel + channel] = data[4 * pixel]!;
    }
    data[4 * pixel + 3] = 255;
  }
  return { width, height, data };
}

/** Reads samples that are packed into bytes: bits in rows that begin at whole bytes, or one or two bytes each. */
function packedReader(
  bytes: Uint8Array,
  step: () => number,
  bits: boolean,
  width: number,
  wide: boolean,
): () => number {
  let column = 0;
  let byte = 0;
  return () => {
    if (!bits) return wide ? (bytes[step()] ?? 0) * 256 + (bytes[step()] ?? 0) : (bytes[step()] ?? 0);
    if (column % 8 === 0) byte = bytes[step()] ?? 0;
    const bit = (byte >> (7 - (column % 8))) & 1;
    column = (column + 1) % width;
    return bit;
  };
}
