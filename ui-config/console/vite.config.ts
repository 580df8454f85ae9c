import { readFileSync } from "node:fs";
import { compileMessage } from "@lingui/message-utils/compileMessage";
import { defineConfig, type Plugin } from "vite";

/** French puts spaces where no line may break: before high punctuation, and inside guillemets. */
function unbroken(text: string): string {
  return text.replace(/ (?=[:;?!»])/g, "\u00a0").replace(/« /g, "«\u00a0");
}

/** Compiles the texts of ui-config/locales, so that no parser of messages travels to the browser. */
function compiledTexts(): Plugin {
  const place = /\/locales\/[a-z]+\.json$/;
  return {
    name: "njangi-texts",
    enforce: "pre",
    load(id) {
      if (!place.test(id)) return null;
      this.addWatchFile(id);
      const texts: Record<string, string> = JSON.parse(readFileSync(id, "utf8"));
      const french = id.endsWith("/fr.json");
      const compiled = Object.fromEntries(
        Object.entries(texts).map(([key, text]) => [key, compileMessage(french ? unbroken(text) : text)]),
      );
      return { code: `export default JSON.parse(${JSON.stringify(JSON.stringify(compiled))});`, moduleType: "js" };
    },
  };
}

const service = process.env.NJANGI_URL ?? "http://127.0.0.1:8400";

export default defineConfig({
  plugins: [compiledTexts()],
  build: {
    outDir: "build",
    emptyOutDir: true,
    assetsInlineLimit: 0, // the page's policy lets no data: script or style in
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      onLog(level, log, tell) {
        if (log.code !== "MODULE_LEVEL_DIRECTIVE") tell(level, log); // "use client" means nothing here
      },
    },
  },
  server: { fs: { allow: ["../.."] }, proxy: { "/v1": service, "/readyz": service, "/healthz": service } },
  test: { include: ["src/**/*.test.ts", "src/**/*.test.tsx", "scripts/**/*.test.ts"] },
} as Parameters<typeof defineConfig>[0]);
