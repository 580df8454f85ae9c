// Names the lines longer than 120 characters that the formatter cannot break, and ends with 1 if there are any.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const LIMIT = 120;
const sources = ["src", "scripts", "public"].flatMap((folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(tsx?|css|m?js)$/.test(entry.name) && entry.name !== "schema.d.ts")
    .map((entry) => join(entry.parentPath, entry.name)),
);
const long = sources.flatMap((name) =>
  readFileSync(name, "utf8")
    .split("\n")
    .flatMap((line, at) => ([...line].length > LIMIT ? [`${name}:${at + 1}: ${[...line].length} characters`] : [])),
);
if (long.length > 0) {
  console.error(`lines longer than ${LIMIT} characters:\n  ${long.join("\n  ")}`);
  process.exit(1);
}
