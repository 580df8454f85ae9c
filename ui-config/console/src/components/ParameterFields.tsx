import { useId } from "react";
import { own } from "../api/own";
import { t } from "../text/text";
import { Field } from "../ui/Field";
import { kindOf, wrong, written } from "./parameters";

interface Props {
  defaults: Record<string, unknown>;
  texts: Record<string, string>;
  onChange: (texts: Record<string, string>) => void;
}

/** A field for each parameter, of the kind that its default has. */
export function ParameterFields({ defaults, texts, onChange }: Props) {
  const faulty = wrong(texts, defaults);
  return Object.keys(defaults).map((name) => (
    <Parameter
      key={name}
      name={name}
      standard={defaults[name]}
      text={own(texts, name) ?? ""}
      faulty={faulty.includes(name)}
      onChange={(text) => onChange({ ...texts, [name]: text })}
    />
  ));
}

interface ParameterProps {
  name: string;
  standard: unknown;
  text: string;
  faulty: boolean;
  onChange: (text: string) => void;
}

function Parameter({ name, standard, text, faulty, onChange }: ParameterProps) {
  const kind = kindOf(standard);
  const id = useId();
  if (kind === "truth") {
    return (
      <label className="check" htmlFor={id}>
        <input
          id={id}
          type="checkbox"
          checked={text === "true"}
          onChange={(event) => onChange(String(event.target.checked))}
        />
        {name}
      </label>
    );
  }
  if (kind === "json") {
    return (
      <Field label={name} hint={t("workflow.json_hint")} fault={faulty ? t("workflow.json_wrong") : null}>
        <textarea
          className="mono"
          rows={3}
          value={text}
          onChange={(event) => onChange(event.target.value)}
          spellCheck={false}
        />
      </Field>
    );
  }
  return (
    <Field
      label={name}
      hint={t("workflow.default", { value: written(standard) })}
      fault={faulty ? t("workflow.number_wrong") : null}
    >
      <input
        value={text}
        inputMode={kind === "number" ? "decimal" : undefined}
        onChange={(event) => onChange(event.target.value)}
        autoComplete="off"
      />
    </Field>
  );
}
