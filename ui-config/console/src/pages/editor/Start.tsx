import { Link } from "wouter";
import { t } from "../../text/text";
import { Icon } from "../../ui/Icon";
import { MARKS } from "./look";
import { type Kind, KINDS } from "./model";

/** What stands where no task is yet: what this is, and the first task one press away. */
export function Start({ editable, onAdd }: { editable: boolean; onAdd: (kind: Kind) => void }) {
  return (
    <div className="start">
      <h2>{t("editor.empty")}</h2>
      <p className="faint">{t("editor.empty_what")}</p>
      {editable && (
        <>
          <div className="row">
            {KINDS.slice(0, 2).map((kind) => (
              <button key={kind} type="button" className="primary" onClick={() => onAdd(kind)}>
                <Icon name={MARKS[kind]} /> {t(`editor.first.${kind as "command" | "python"}`)}
              </button>
            ))}
          </div>
          <p className="fine faint">
            {t("editor.empty_else")} <Link href="/">{t("editor.empty_template")}</Link>
          </p>
        </>
      )}
    </div>
  );
}
