import { type DragEvent, type FormEvent, useState } from "react";
import { useLocation } from "wouter";
import { useImportWorkflow } from "../../api/workflows";
import { pointed } from "../../text/format";
import { t } from "../../text/text";
import { Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { Problem } from "../../ui/states";
import { tell } from "../../ui/toasts";
import { looksRecorded } from "./documents";

const LARGEST = 16_000_000; // bytes, as the service's limit of a body

/** A workflow from a file or a text: YAML or JSON of ours, or WfFormat. */
export function ImportDialog({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState("");
  const [from, setFrom] = useState<string | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  const [over, setOver] = useState(false);
  const [scale, setScale] = useState("1");
  const [commands, setCommands] = useState(false);
  const [, go] = useLocation();
  const importing = useImportWorkflow();
  const recorded = looksRecorded(text);
  const factor = Number(pointed(scale));
  const scaleWrong = recorded && !commands && !(factor > 0 && factor <= 1000);

  async function take(file: File | undefined) {
    if (!file) return;
    setFault(file.size > LARGEST ? t("import.too_large", { name: file.name }) : null);
    if (file.size > LARGEST) return;
    setText(await file.text());
    setFrom(file.name);
    importing.reset();
  }
  function drop(event: DragEvent) {
    event.preventDefault();
    setOver(false);
    void take(event.dataTransfer.files[0]);
  }
  function submit(event: FormEvent) {
    event.preventDefault();
    importing.mutate(
      { document: text, ...(recorded ? { commands, ...(commands ? {} : { scale: factor }) } : {}) },
      {
        onSuccess: (workflow) => {
          tell(t("import.done", { name: workflow.name }));
          onClose();
          go(`/workflows/${workflow.id}`);
        },
      },
    );
  }
  return (
    <Dialog title={t("import.title")} onClose={onClose} wide>
      <form className="stack" onSubmit={submit}>
        <label
          className="drop"
          data-over={over}
          onDragOver={(event) => (event.preventDefault(), setOver(true))}
          onDragLeave={() => setOver(false)}
          onDrop={drop}
        >
          <span>{from ? t("import.from", { name: from }) : t("import.drop")}</span>
          <input
            type="file"
            accept=".yaml,.yml,.json,application/json,application/yaml"
            onChange={(event) => void take(event.target.files?.[0])}
          />
        </label>
        {fault && (
          <p className="fault" role="alert">
            {fault}
          </p>
        )}
        <Field label={t("import.text")} hint={t("import.text_hint")}>
          <textarea
            className="mono"
            rows={9}
            spellCheck={false}
            value={text.length > 200_000 ? text.slice(0, 200_000) : text}
            readOnly={text.length > 200_000}
            onChange={(event) => {
              setText(event.target.value);
              setFrom(null);
            }}
          />
        </Field>
        {recorded && (
          <fieldset className="stack">
            <legend>{t("import.recorded")}</legend>
            <p className="faint">{t("import.recorded_hint")}</p>
            <label className="check">
              <input type="radio" name="commands" checked={!commands} onChange={() => setCommands(false)} />
              {t("import.stand_ins")}
            </label>
            <label className="check">
              <input type="radio" name="commands" checked={commands} onChange={() => setCommands(true)} />
              {t("import.programs")}
            </label>
            {!commands && (
              <Field
                label={t("import.scale")}
                hint={t("import.scale_hint")}
                fault={scaleWrong ? t("import.scale_wrong") : null}
              >
                <input value={scale} inputMode="decimal" onChange={(event) => setScale(event.target.value)} />
              </Field>
            )}
          </fieldset>
        )}
        {importing.isError && <Problem error={importing.error} />}
        <div className="row">
          <button type="submit" className="primary" disabled={importing.isPending || text.trim() === "" || scaleWrong}>
            {t("import.action")}
          </button>
          <button type="button" onClick={onClose}>
            {t("ui.cancel")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
