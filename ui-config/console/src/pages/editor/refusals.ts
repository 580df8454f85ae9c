import { t } from "../../text/text";
import { tell } from "../../ui/toasts";

/** Say why two tasks were not connected. */
export function refuse(circle: readonly string[]): void {
  tell(
    circle.length === 2
      ? t("editor.circle_self", { name: circle[0] ?? "" })
      : t("editor.circle", { way: circle.join(" → ") }),
  );
}
