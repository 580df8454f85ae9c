// Packs build/ into dist/: every file as .gz and .br, as the service sends them. With --compare it only says
// whether dist/ is what the sources make, and ends with 1 if not.
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { brotliCompressSync, constants, gunzipSync, gzipSync } from "node:zlib";

const build = "build";
const dist = "dist";

function files(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

if (process.argv.includes("--compare")) {
  const built = files(build);
  const shipped = files(dist).filter((name) => name.endsWith(".gz"));
  const wrong = [
    ...built.filter((name) => {
      const packed = shipped.includes(`${name}.gz`) && gunzipSync(readFileSync(join(dist, `${name}.gz`)));
      return !packed || !packed.equals(readFileSync(join(build, name)));
    }),
    ...shipped.filter((name) => !built.includes(name.slice(0, -3))),
  ];
  if (wrong.length > 0) {
    console.error(`ui-config/console/dist is not what its sources make; run: make console\n  ${wrong.join("\n  ")}`);
    process.exit(1);
  }
  console.log(`dist is what its sources make: ${built.length} files`);
} else {
  rmSync(dist, { recursive: true, force: true });
  for (const name of files(build)) {
    const content = readFileSync(join(build, name));
    mkdirSync(dirname(join(dist, name)), { recursive: true });
    writeFileSync(join(dist, `${name}.gz`), gzipSync(content, { level: 9 }));
    const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
    writeFileSync(join(dist, `${name}.br`), brotliCompressSync(content, { params }));
  }
}
