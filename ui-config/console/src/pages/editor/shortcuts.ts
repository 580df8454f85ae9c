/** What the keys do in the editor. Those that are a single letter work only where nothing is typed: on the canvas. */
import { useEffect, useEffectEvent } from "react";

export interface Actions {
  undo: () => void;
  redo: () => void;
  save: () => unknown;
  /** The selected tasks as text, or null where none is selected. */
  copied: () => string | null;
  remove: () => void;
  paste: (text: string) => boolean;
  duplicate: () => unknown;
  all: () => void;
  arrange: () => void;
  fit: () => void;
  help: () => void;
}

/** Where one is typing, keys are the text's own. CodeMirror stands in a shadow root, so the whole way counts. */
function isTyping(event: Event): boolean {
  return event
    .composedPath()
    .some(
      (node) =>
        node instanceof HTMLElement && (node.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(node.tagName)),
    );
}

function isElsewhere(): boolean {
  return document.querySelector("dialog[open]") !== null;
}

export function useShortcuts(actions: Actions): void {
  const pressed = useEffectEvent((event: KeyboardEvent) => {
    if (isElsewhere() || event.altKey || event.defaultPrevented) return;
    const typing = isTyping(event);
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    let action: (() => unknown) | undefined;
    if (event.ctrlKey || event.metaKey) {
      if (key === "z") action = event.shiftKey ? actions.redo : actions.undo;
      else if (key === "y") action = actions.redo;
      else if (key === "s") action = actions.save;
      else if (key === "d" && !typing) action = actions.duplicate;
      else if (key === "a" && onCanvas(event)) action = actions.all;
    } else if (!typing) {
      if (key === "Delete" || key === "Backspace") action = actions.remove;
      else if (key === "?") action = actions.help;
      else if (onCanvas(event) && key === "l") action = actions.arrange;
      else if (onCanvas(event) && key === "f") action = actions.fit;
    }
    if (!action) return;
    event.preventDefault();
    action();
  });
  const clipped = useEffectEvent((event: ClipboardEvent) => {
    if (isElsewhere() || isTyping(event) || !event.clipboardData) return;
    if (event.type === "paste") {
      if (actions.paste(event.clipboardData.getData("text/plain"))) event.preventDefault();
      return;
    }
    const text = getSelection()?.isCollapsed === false ? null : actions.copied();
    if (text === null) return;
    event.clipboardData.setData("text/plain", text);
    event.preventDefault();
    if (event.type === "cut") actions.remove();
  });
  useEffect(() => {
    const press = (event: KeyboardEvent) => pressed(event);
    const clip = (event: ClipboardEvent) => clipped(event);
    document.addEventListener("keydown", press);
    for (const type of ["copy", "cut", "paste"] as const) document.addEventListener(type, clip);
    return () => {
      document.removeEventListener("keydown", press);
      for (const type of ["copy", "cut", "paste"] as const) document.removeEventListener(type, clip);
    };
  }, []);
}

function onCanvas(event: Event): boolean {
  return (
    event.target === document.body ||
    (event.target instanceof Element && event.target.closest("[data-canvas]") !== null)
  );
}
