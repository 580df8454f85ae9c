/** The difference of two texts, line by line. */
import { diffArrays } from "diff";

export interface Line {
  kind: "same" | "old" | "new";
  text: string;
}

const MOST = 2000; // changed lines; if there are more, every line counts as changed

export function difference(before: string, after: string): Line[] {
  const [old, now] = [lines(before), lines(after)];
  const parts = diffArrays(old, now, { maxEditLength: MOST });
  if (!parts)
    return [...old.map((text): Line => ({ kind: "old", text })), ...now.map((text): Line => ({ kind: "new", text }))];
  return parts.flatMap(({ added, removed, value }) =>
    value.map((text): Line => ({ kind: added ? "new" : removed ? "old" : "same", text })),
  );
}

function lines(text: string): string[] {
  const found = text.split("\n");
  if (found.at(-1) === "") found.pop();
  return found;
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
