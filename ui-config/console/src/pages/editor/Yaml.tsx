import { defaultKeymap } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { Annotation, Compartment, EditorState } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useEffectEvent, useRef } from "react";
import { t } from "../../text/text";
import type { Problem } from "./problems";

export interface YamlProps {
  text: string;
  problems: readonly Problem[];
  editable: boolean;
  /** Go to this place, whenever `at` changes. */
  goal: { offset: number; at: number; focus: boolean } | null;
  onText: (text: string) => void;
}

const Ours = Annotation.define<boolean>();

const COLOURS = syntaxHighlighting(
  HighlightStyle.define([
    { tag: tags.comment, color: "var(--faint)", fontStyle: "italic" },
    { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent)", fontWeight: "600" },
    { tag: [tags.string, tags.attributeValue, tags.content], color: "var(--ink)" },
    { tag: [tags.number, tags.bool, tags.null, tags.keyword], color: "var(--busy)" },
    { tag: [tags.punctuation, tags.separator, tags.bracket, tags.squareBracket, tags.brace], color: "var(--faint)" },
  ]),
);

const LOOK = EditorView.theme({
  "&": { height: "100%", color: "var(--ink)", backgroundColor: "var(--sheet)", fontSize: "0.875rem" },
  "&.cm-focused": { outline: "3px solid var(--busy)", outlineOffset: "-3px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55" },
  ".cm-content": { caretColor: "var(--ink)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-gutters": { backgroundColor: "var(--sunk)", color: "var(--faint)", border: "0" },
  ".cm-activeLine, .cm-activeLineGutter": {
    backgroundColor: "color-mix(in srgb, var(--accent-sunk) 55%, transparent)",
  },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--busy-sunk)",
  },
  ".cm-tooltip": { backgroundColor: "var(--sheet)", color: "var(--ink)", border: "1px solid var(--line)" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--bad)" },
});

/**
 * The text of the workflow. It stands in a shadow root, where CodeMirror's styles come as adopted sheets: the page's
 * policy lets no style elements in. Undo is the editor's own, so there is no history in here.
 */
export default function Yaml({ text, problems, editable, goal, onText }: YamlProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const permission = useRef(new Compartment());
  const typed = useEffectEvent(onText);

  useEffect(() => {
    if (!host.current) return;
    const root = host.current.shadowRoot ?? host.current.attachShadow({ mode: "open" });
    const made = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        doc: text,
        extensions: [
          lineNumbers(),
          EditorView.lineWrapping,
          highlightActiveLine(),
          highlightActiveLineGutter(),
          drawSelection(),
          indentOnInput(),
          bracketMatching(),
          indentUnit.of("  "),
          yaml(),
          COLOURS,
          LOOK,
          lintGutter(),
          keymap.of([...defaultKeymap, ...lintKeymap]),
          EditorState.phrases.of({
            "Control character": "",
            Diagnostics: t("editor.problems"),
            "No diagnostics": t("editor.no_problems"),
          }),
          EditorView.contentAttributes.of({ "aria-label": t("editor.yaml_text") }),
          permission.current.of([EditorState.readOnly.of(!editable)]),
          EditorView.updateListener.of((update) => {
            if (update.docChanged && !update.transactions.some((one) => one.annotation(Ours)))
              typed(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = made;
    return () => made.destroy();
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the rest is told to it below
  }, []);

  useEffect(() => {
    view.current?.dispatch({ effects: permission.current.reconfigure(EditorState.readOnly.of(!editable)) });
  }, [editable]);

  useEffect(() => {
    const shown = view.current;
    if (!shown) return;
    const old = shown.state.doc.toString();
    if (old === text) return;
    let from = 0;
    while (from < old.length && from < text.length && old[from] === text[from]) from++;
    let end = 0;
    while (end < old.length - from && end < text.length - from && old.at(-1 - end) === text.at(-1 - end)) end++;
    shown.dispatch({
      changes: { from, to: old.length - end, insert: text.slice(from, text.length - end) },
      annotations: Ours.of(true),
    });
  }, [text]);

  useEffect(() => {
    const shown = view.current;
    if (!shown) return;
    const length = shown.state.doc.length;
    const marks = problems.map(({ offset, detail }): Diagnostic => {
      const from = Math.min(offset, length);
      return { from, to: Math.max(from, shown.state.doc.lineAt(from).to), severity: "error", message: detail };
    });
    shown.dispatch(setDiagnostics(shown.state, marks));
  }, [problems, text]);

  useEffect(() => {
    const shown = view.current;
    if (!shown || !goal) return;
    const at = Math.min(goal.offset, shown.state.doc.length);
    shown.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: "start", yMargin: 60 }) });
    if (goal.focus) shown.focus();
  }, [goal]);

  return <div ref={host} className="yaml" />;
}
