/** The inputs of the editor's forms. Each shows a value of the workflow and tells what was typed instead. */
import { type ReactNode, useState } from "react";
import { t } from "../../text/text";
import { Field } from "../../ui/Field";
import { Icon } from "../../ui/Icon";
import { listOf, numberOr, shown, textOf, valueOf } from "./values";

interface TypedProps {
  value: unknown;
  /** What a typed text stands for; undefined takes the field away. */
  reads?: (text: string) => unknown;
  shows?: (value: unknown) => string;
  onValue: (value: unknown) => void;
  rows?: number;
  /** Where the field is in the task or workflow: a JSON Pointer. Problems lead here. */
  at?: string;
  [more: string]: unknown;
}

const orNothing = (text: string): unknown => (text === "" ? undefined : text);

/** What is typed stays as it is typed, as long as it stands for the value that is there. */
export function Typed({ value, reads = orNothing, shows = shown, onValue, rows, at, ...more }: TypedProps) {
  const [typed, setTyped] = useState(() => shows(value));
  const text = shows(reads(typed)) === shows(value) ? typed : shows(value);
  const common = {
    ...more,
    "data-at": at,
    value: text,
    spellCheck: false,
    autoComplete: "off",
    onChange: (event: { target: { value: string } }) => {
      setTyped(event.target.value);
      onValue(reads(event.target.value));
    },
  };
  return rows ? <textarea rows={rows} {...common} /> : <input {...common} />;
}

interface Wanted {
  label: string;
  hint?: string;
  at: string;
  fault: (at: string) => string | null;
  value: unknown;
  onValue: (value: unknown) => void;
}

export function TextField({
  label,
  hint,
  at,
  fault,
  rows,
  mono,
  ...typed
}: Wanted & { rows?: number; mono?: boolean; placeholder?: string; shows?: (value: unknown) => string }) {
  return (
    <Field label={label} hint={hint} fault={fault(at)}>
      <Typed at={at} rows={rows} className={mono ? "mono" : undefined} {...typed} />
    </Field>
  );
}

/** A number, or text with a unit: 3, 10m, 256MiB, 5%. */
export function NumberField({ label, hint, at, fault, ...typed }: Wanted & { placeholder?: string }) {
  return (
    <Field label={label} hint={hint} fault={fault(at)}>
      <Typed at={at} reads={numberOr} {...typed} />
    </Field>
  );
}

/** Words between commas. */
export function ListField({ label, hint, at, fault, ...typed }: Wanted & { placeholder?: string }) {
  const reads = (text: string) => (listOf(text).length ? listOf(text) : undefined);
  const shows = (value: unknown) => (Array.isArray(value) ? value.join(", ") : shown(value));
  return (
    <Field label={label} hint={hint} fault={fault(at)}>
      <Typed at={at} reads={reads} shows={shows} {...typed} />
    </Field>
  );
}

export function ChoiceField({
  label,
  hint,
  at,
  fault,
  value,
  onValue,
  choices,
}: Omit<Wanted, "value" | "onValue"> & {
  value: string;
  onValue: (value: string) => void;
  choices: readonly (readonly [string, string])[];
}) {
  return (
    <Field label={label} hint={hint} fault={fault(at)}>
      <select data-at={at} value={value} onChange={(event) => onValue(event.target.value)}>
        {!choices.some(([known]) => known === value) && <option value={value}>{value}</option>}
        {choices.map(([known, text]) => (
          <option key={known} value={known}>
            {text}
          </option>
        ))}
      </select>
    </Field>
  );
}

/** A name that is only taken over when one has finished typing it, and only if it can be one. */
export function NameInput({
  value,
  refuses,
  onName,
  ...more
}: {
  value: string;
  refuses: (name: string) => string | null;
  onName: (name: string) => void;
  [more: string]: unknown;
}) {
  const [typed, setTyped] = useState<string | null>(null);
  const why = typed === null || typed === value ? null : refuses(typed);
  function finish() {
    if (typed !== null && typed !== value && !refuses(typed)) onName(typed);
    setTyped(null);
  }
  return (
    <>
      <input
        {...more}
        value={typed ?? value}
        spellCheck={false}
        autoComplete="off"
        aria-invalid={why ? true : (more["aria-invalid"] as boolean | undefined)}
        onChange={(event) => setTyped(event.target.value)}
        onBlur={finish}
        onKeyDown={(event) => {
          if (event.key === "Enter") finish();
          if (event.key === "Escape") setTyped(null);
        }}
      />
      {why && (
        <span className="fault" role="status">
          {why}
        </span>
      )}
    </>
  );
}

interface RowsProps {
  /** What the rows are, for who cannot see them. */
  label: string;
  hint?: string;
  at: string;
  fault: (at: string) => string | null;
  values: Record<string, unknown>;
  /** What a new one is called and holds. */
  fresh: { name: string; value: unknown };
  add: string;
  onPut: (name: string, value: unknown) => void;
  onRename: (from: string, to: string) => void;
  /** Another input for a value than a line of text. */
  input?: (name: string, value: unknown, common: Record<string, unknown>) => ReactNode;
}

const NAME = /^[A-Za-z_]\w{0,63}$/;

/** Names with values: parameters, inputs, axes of a grid. */
export function Rows({ label, hint, at, fault, values, fresh, add, onPut, onRename, input }: RowsProps) {
  const names = Object.keys(values);
  function refuses(before: string, name: string): string | null {
    if (!NAME.test(name)) return t("editor.name_parameter");
    return name !== before && Object.hasOwn(values, name) ? t("editor.name_taken", { name }) : null;
  }
  function another() {
    let name = fresh.name;
    for (let number = 2; Object.hasOwn(values, name); number++) name = `${fresh.name}${number}`;
    onPut(name, fresh.value);
  }
  return (
    <fieldset className="rows">
      <legend>{label}</legend>
      {hint && <p className="fine faint">{hint}</p>}
      {names.map((name) => {
        const place = `${at}/${name}`;
        const wrong = fault(place);
        const common = {
          "data-at": place,
          "aria-label": t("editor.value_of", { name }),
          "aria-invalid": wrong ? true : undefined,
        };
        return (
          <div key={name} className="name-value">
            <NameInput
              value={name}
              aria-label={t("editor.name_of", { name })}
              className="mono"
              refuses={(next) => refuses(name, next)}
              onName={(to) => onRename(name, to)}
            />
            {input ? (
              input(name, values[name], common)
            ) : (
              <Typed
                {...common}
                value={values[name]}
                reads={valueOf}
                shows={textOf}
                onValue={(value) => onPut(name, value)}
              />
            )}
            <button
              type="button"
              className="plain small"
              aria-label={t("editor.remove_named", { name })}
              onClick={() => onPut(name, undefined)}
            >
              <Icon name="close" />
            </button>
            {wrong && <span className="fault">{wrong}</span>}
          </div>
        );
      })}
      <div>
        <button type="button" className="small" data-at={at} onClick={another}>
          <Icon name="add" /> {add}
        </button>
      </div>
    </fieldset>
  );
}

/** A thing that is so or not; not is what it is without a word. */
export function CheckField({ label, hint, at, fault, value, onValue }: Wanted & { hint: string }) {
  const wrong = fault(at);
  return (
    <div className="field">
      <label className="check">
        <input
          type="checkbox"
          data-at={at}
          checked={value === true}
          aria-invalid={wrong ? true : undefined}
          onChange={(event) => onValue(event.target.checked ? true : undefined)}
        />
        <span>{label}</span>
      </label>
      <span className="fine faint">{hint}</span>
      {wrong && <span className="fault">{wrong}</span>}
    </div>
  );
}

/** Names of which some are chosen; those that are chosen but not there stay visible. */
export function Checks({
  label,
  hint,
  at,
  fault,
  all,
  chosen,
  missing,
  onChosen,
}: {
  label: string;
  hint?: string;
  at: string;
  fault: (at: string) => string | null;
  all: readonly string[];
  chosen: readonly string[];
  missing: string;
  onChosen: (chosen: string[]) => void;
}) {
  const names = [...all, ...chosen.filter((name) => !all.includes(name))];
  const wrong = fault(at);
  return (
    <fieldset className="rows">
      <legend>{label}</legend>
      {hint && <p className="fine faint">{hint}</p>}
      {names.map((name) => (
        <label key={name} className="check">
          <input
            type="checkbox"
            data-at={at}
            checked={chosen.includes(name)}
            onChange={(event) =>
              onChosen(event.target.checked ? [...chosen, name] : chosen.filter((other) => other !== name))
            }
          />
          <span>
            <code>{name}</code>
            {!all.includes(name) && (
              <>
                {" "}
                <span className="fault">{missing}</span>
              </>
            )}
          </span>
        </label>
      ))}
      {wrong && <span className="fault">{wrong}</span>}
    </fieldset>
  );
}

/** What most people never need, closed until it is opened or a problem leads into it. */
export function More({ title, told, children }: { title: string; told?: string; children: ReactNode }) {
  return (
    <details className="fold">
      <summary>
        {title}
        {told && <span className="fine faint"> {told}</span>}
      </summary>
      <div className="stack">{children}</div>
    </details>
  );
}
