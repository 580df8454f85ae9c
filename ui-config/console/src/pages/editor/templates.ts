import { useEffect, useEffectEvent } from "react";
import type { WholeTemplate } from "../../api/workflows";

/** Attach the files of the template that a new workflow is made of, once. */
export function useTemplateFiles(template: WholeTemplate | null, add: (files: readonly File[]) => void): void {
  const attach = useEffectEvent(() => {
    if (template) add(Object.entries(template.contents).map(([name, base64]) => new File([bytesOf(base64)], name)));
  });
  useEffect(() => attach(), []);
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
