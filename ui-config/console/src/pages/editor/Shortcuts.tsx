import { t } from "../../text/text";
import { Dialog } from "../../ui/Dialog";

const KEYS = [
  ["Ctrl Z", "undo"],
  ["Ctrl Y", "redo"],
  ["Ctrl S", "save"],
  ["Ctrl C", "copy"],
  ["Ctrl X", "cut"],
  ["Ctrl V", "paste"],
  ["Ctrl D", "duplicate"],
  ["Ctrl A", "all"],
  ["Delete", "delete"],
  ["Tab", "next"],
  ["Enter", "pick"],
  ["← ↑ → ↓", "move"],
  ["F", "fit"],
  ["L", "arrange"],
  ["?", "help"],
] as const;

/** Every key of the editor. */
export function Shortcuts({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title={t("editor.shortcuts")} onClose={onClose}>
      <p className="faint">{t("editor.shortcuts_what")}</p>
      <dl className="facts keys">
        {KEYS.map(([keys, what]) => (
          <div key={what}>
            <dt>
              {keys.split(" ").map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{t(`editor.key.${what}`)}</dd>
          </div>
        ))}
      </dl>
      <div>
        <button type="button" onClick={onClose} autoFocus>
          {t("ui.close")}
        </button>
      </div>
    </Dialog>
  );
}
