import { t } from "../text/text";
import { Copyable } from "./Copy";
import { Dialog } from "./Dialog";

interface Props {
  title: string;
  /** What it is for, and whom to give it to. */
  hint: string;
  text: string;
  copy: string;
  onClose: () => void;
}

/** Shows what is shown only once. */
export function Secret({ title, hint, text, copy, onClose }: Props) {
  return (
    <Dialog title={title} onClose={onClose} wide>
      <p>{hint}</p>
      <Copyable text={text} label={copy} />
      <p className="notice">{t("ui.shown_once")}</p>
      <div className="row">
        <button type="button" className="primary" onClick={onClose}>
          {t("ui.done")}
        </button>
      </div>
    </Dialog>
  );
}
