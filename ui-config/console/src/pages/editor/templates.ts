import { useEffect, useEffectEvent } from "react";
import { templateFile } from "../../api/workflows";
import { tell } from "../../ui/toasts";
import { t } from "../../text/text";

/** Attach the files of the template that a new workflow is made of, once. */
export function useTemplateFiles(template: { name: string; files: readonly string[] } | null, add: (files: readonly File[]) => void): void {
  const name = template?.name;
  const found = useEffectEvent((files: File[]) => add(files));
  const wanted = useEffectEvent(() => template?.files ?? []);
  useEffect(() => {
    if (name === undefined) return;
    let there = true;
    Promise.all(wanted().map(async (file) => new File([await templateFile(name, file)], file))).then(
      (files) => there && found(files),
      () => tell(t("editor.template_files_missing")),
    );
    return () => {
      there = false;
    };
  }, [name]);
}
