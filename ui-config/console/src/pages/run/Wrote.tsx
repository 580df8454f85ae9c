import type { Schemas } from "../../api/client";
import { size } from "../../text/format";
import { type Key, t } from "../../text/text";
import { marked } from "./marked";

type Kept = Pick<Schemas["AttemptView"], "stdout" | "stderr" | "stdout_bytes" | "stderr_bytes" | "stdout_is_result">;

const MOST = 64 * 1024; // bytes; of a longer stream the end is kept

/** What is to be told of each stream: where the text is null, why there is none is told by the key. */
export function streamsOf(
  wrote: Kept,
): { name: "stdout" | "stderr"; text: string | null; note: Key | null; bytes: number }[] {
  if (wrote.stdout_bytes === null && wrote.stderr_bytes === null && !wrote.stdout && !wrote.stderr) {
    return [{ name: "stderr", text: null, note: "wrote.unknown", bytes: 0 }];
  }
  const shown = (["stdout", "stderr"] as const).map((name) => {
    const [text, bytes] = [wrote[name], wrote[`${name}_bytes`] ?? 0];
    if (name === "stdout" && wrote.stdout_is_result)
      return { name, text: null, note: "wrote.is_result" as const, bytes };
    if (text === null) return { name, text: null, note: bytes > 0 ? ("wrote.not_kept" as const) : null, bytes };
    return { name, text: text === "" ? null : text, note: bytes > MOST ? ("wrote.end" as const) : null, bytes };
  });
  const told = shown.filter(({ text, note }) => text !== null || note !== null);
  return told.length > 0 ? told : [{ name: "stderr", text: null, note: "wrote.nothing", bytes: 0 }];
}

/** What an attempt wrote to standard output and standard error, and what of it is not here. */
export function Wrote({ wrote, text: wanted = "" }: { wrote: Kept; text?: string }) {
  return streamsOf(wrote).map(({ name, text, note, bytes }) => (
    <div key={name} className="wrote">
      {text !== null && <span className="fine faint">{t(`wrote.${name}`)}</span>}{" "}
      {note && <span className="fine faint">{t(note, { size: size(bytes) })}</span>}
      {text !== null && (
        <pre tabIndex={0} aria-label={t(`wrote.${name}`)}>
          {marked(text, wanted).map((part, at) => (part.hit ? <mark key={at}>{part.text}</mark> : part.text))}
        </pre>
      )}
    </div>
  ));
}
