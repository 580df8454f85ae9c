import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { compileMessage } from "@lingui/message-utils/compileMessage";
import ts from "typescript";
import { expect, test } from "vitest";

const locales = join(import.meta.dirname, "../../locales");
const sources = readdirSync(join(import.meta.dirname, "../src"), { recursive: true, encoding: "utf8" })
  .filter((name) => /\.tsx?$/.test(name) && !name.includes(".test.") && !name.endsWith(".d.ts"))
  .map((name) => {
    const text = readFileSync(join(import.meta.dirname, "../src", name), "utf8");
    return { name, tree: ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TSX) };
  });

function texts(language: string): Record<string, string> {
  return JSON.parse(readFileSync(join(locales, `${language}.json`), "utf8"));
}

const english = texts("en");
const french = texts("fr");

/** The names that a message takes, each with how it is formatted; branches of plurals are not compared. */
function named(message: string): string[] {
  const found = new Set<string>();
  const look = (tokens: ReturnType<typeof compileMessage>) => {
    if (typeof tokens === "string") return;
    for (const token of tokens) {
      if (typeof token === "string") continue;
      if (token[0] !== "#") found.add([token[0], token[1]].join(" "));
      if (token[2] && typeof token[2] === "object") {
        for (const branch of Object.values(token[2])) if (Array.isArray(branch)) look(branch as never);
      }
    }
  };
  look(compileMessage(message));
  return [...found].sort();
}

function visit(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node);
  ts.forEachChild(node, (child) => visit(child, see));
}

/** Every key that the code asks for; those made of a prefix and a value count as all that begin so. */
function asked(): { keys: Set<string>; prefixes: Set<string> } {
  const keys = new Set<string>();
  const prefixes = new Set<string>();
  for (const { tree } of sources) {
    visit(tree, (node) => {
      if (ts.isStringLiteralLike(node)) keys.add(node.text);
      if (ts.isTemplateExpression(node) && /^[a-z_]+\..*/.test(node.head.text)) prefixes.add(node.head.text);
    });
  }
  return { keys, prefixes };
}

test("English and French have the same texts", () => {
  expect(Object.keys(french).sort()).toEqual(Object.keys(english).sort());
});

test("both languages take the same values in each text", () => {
  const differing = Object.keys(english).filter(
    (key) => named(english[key]!).join() !== named(french[key] ?? "").join(),
  );
  expect(differing).toEqual([]);
});

test("texts are kept in order, so that changes of two people seldom meet", () => {
  expect(Object.keys(english)).toEqual(Object.keys(english).toSorted());
  expect(Object.keys(french)).toEqual(Object.keys(french).toSorted());
});

test("every text is used", () => {
  const { keys, prefixes } = asked();
  const unused = Object.keys(english).filter(
    (key) => !keys.has(key) && ![...prefixes].some((prefix) => key.startsWith(prefix)),
  );
  expect(unused).toEqual([]);
});

const SPOKEN = new Set(["aria-label", "title", "placeholder", "alt", "label", "hint"]);
const NAMES = /^[\s\d\p{P}\p{S}]*$|^Njangi$|^Prefect$|^YAML$|^JSON$/u;

test("no text for people stands in the code", () => {
  const found: string[] = [];
  for (const { name, tree } of sources) {
    visit(tree, (node) => {
      if (ts.isJsxText(node) && !NAMES.test(node.text.trim())) found.push(`${name}: ${node.text.trim()}`);
      if (
        ts.isJsxAttribute(node) &&
        SPOKEN.has(node.name.getText()) &&
        node.initializer &&
        ts.isStringLiteral(node.initializer)
      ) {
        if (!NAMES.test(node.initializer.text))
          found.push(`${name}: ${node.name.getText()}="${node.initializer.text}"`);
      }
    });
  }
  expect(found).toEqual([]);
});
