/** The difference of two texts, line by line (Myers 1986, "An O(ND) difference algorithm"). */

export interface Line {
  kind: "same" | "old" | "new";
  text: string;
}

const MOST = 2000; // changed lines; above that, everything between what is alike at both ends counts as changed

export function difference(before: string, after: string): Line[] {
  const old = lines(before);
  const now = lines(after);
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start++;
  let end = 0;
  while (end < old.length - start && end < now.length - start && old.at(-1 - end) === now.at(-1 - end)) end++;
  const same = (text: string): Line => ({ kind: "same", text });
  return [
    ...old.slice(0, start).map(same),
    ...between(old.slice(start, old.length - end), now.slice(start, now.length - end)),
    ...old.slice(old.length - end).map(same),
  ];
}

function lines(text: string): string[] {
  const found = text.split("\n");
  if (found.at(-1) === "") found.pop();
  return found;
}

function between(old: readonly string[], now: readonly string[]): Line[] {
  const reach = new Map([[1, 0]]);
  const trail: Map<number, number>[] = [];
  for (let edits = 0; edits <= Math.min(MOST, old.length + now.length); edits++) {
    trail.push(new Map(reach));
    for (let k = -edits; k <= edits; k += 2) {
      const down = k === -edits || (k !== edits && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1));
      let x = down ? (reach.get(k + 1) ?? 0) : (reach.get(k - 1) ?? 0) + 1;
      let y = x - k;
      while (x < old.length && y < now.length && old[x] === now[y]) {
        x++;
        y++;
      }
      reach.set(k, x);
      if (x >= old.length && y >= now.length) return back(old, now, trail);
    }
  }
  return [...old.map((text): Line => ({ kind: "old", text })), ...now.map((text): Line => ({ kind: "new", text }))];
}

function back(old: readonly string[], now: readonly string[], trail: readonly Map<number, number>[]): Line[] {
  const found: Line[] = [];
  let x = old.length;
  let y = now.length;
  for (let edits = trail.length - 1; edits >= 0; edits--) {
    const reach = trail[edits]!;
    const k = x - y;
    const down = k === -edits || (k !== edits && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1));
    const before = down ? k + 1 : k - 1;
    const fromX = reach.get(before) ?? 0;
    const fromY = fromX - before;
    while (x > fromX && y > fromY) {
      found.push({ kind: "same", text: old[--x]! });
      y--;
    }
    if (edits === 0) break;
    if (down) found.push({ kind: "new", text: now[--y]! });
    else found.push({ kind: "old", text: old[--x]! });
  }
  return found.reverse();
}

/** The changed lines with `around` lines about each; null stands for lines that are left out. */
export function excerpt(whole: readonly Line[], around = 3): (Line | null)[] {
  const near = new Set<number>();
  whole.forEach((line, at) => {
    if (line.kind === "same") return;
    for (let other = at - around; other <= at + around; other++) near.add(other);
  });
  const found: (Line | null)[] = [];
  whole.forEach((line, at) => {
    if (near.has(at)) found.push(line);
    else if (found.length && found.at(-1) !== null) found.push(null);
  });
  if (found.at(-1) === null) found.pop();
  return found;
}
