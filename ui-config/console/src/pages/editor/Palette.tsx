import { t } from "../../text/text";
import { Icon } from "../../ui/Icon";
import { MARKS } from "./look";
import { type Kind, KINDS } from "./model";

/** The type under which a dragged kind of task travels. */
export const DRAGGED = "application/x-njangi-kind";

/** What one can add: drag it onto the canvas, or press it. */
export function Palette({ disabled, onAdd }: { disabled: boolean; onAdd: (kind: Kind) => void }) {
  return (
    <div className="palette" role="group" aria-label={t("editor.palette")}>
      <h2 className="fine faint">{t("editor.palette")}</h2>
      {KINDS.map((kind) => (
        <button
          key={kind}
          type="button"
          disabled={disabled}
          draggable={!disabled}
          title={t(`editor.kind_hint.${kind}`)}
          onClick={() => onAdd(kind)}
          onDragStart={(event) => {
            event.dataTransfer.setData(DRAGGED, kind);
            event.dataTransfer.effectAllowed = "copy";
          }}
        >
          <Icon name={MARKS[kind]} size={18} />
          <span>{t(`editor.kind.${kind}`)}</span>
        </button>
      ))}
    </div>
  );
}
