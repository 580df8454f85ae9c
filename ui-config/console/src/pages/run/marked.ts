export interface Part {
  text: string;
  hit: boolean;
}

/** The text in pieces, those being hits that are what was searched for, in any case. */
export function marked(text: string, wanted: string): Part[] {
  if (wanted === "") return [{ text, hit: false }];
  const [low, sought] = [text.toLowerCase(), wanted.toLowerCase()];
  if (low.length !== text.length) return [{ text, hit: false }]; // a letter that changes its length with its case
  const parts: Part[] = [];
  for (let at = 0; at < text.length;) {
    const hit = low.indexOf(sought, at);
    const until = hit < 0 ? text.length : hit;
    if (until > at) parts.push({ text: text.slice(at, until), hit: false });
    if (hit >= 0) parts.push({ text: text.slice(hit, hit + sought.length), hit: true });
    at = hit < 0 ? text.length : hit + sought.length;
  }
  return parts;
}
