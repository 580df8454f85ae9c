import "./help.css";
import type { ReactNode } from "react";
import { Link } from "wouter";
import { type Key, t } from "../../text/text";
import { Icon } from "../../ui/Icon";
import { useTitle } from "../../ui/useTitle";

const PARTS = ["steps", "words", "writing", "states", "safe", "keys", "more"] as const;
const STEPS = ["example", "watch", "change", "lend"] as const;
const SAFE = ["switched_off", "checked", "draft", "versions", "offline"] as const;
const KEYS: readonly { keys: readonly string[]; text: Key }[] = [
  { keys: ["Tab", "⇧ Tab"], text: "help.key_tab" },
  { keys: ["↵"], text: "help.key_enter" },
  { keys: ["Esc"], text: "help.key_escape" },
  { keys: ["← ↑ → ↓"], text: "help.key_arrows" },
  { keys: ["Ctrl Z", "Ctrl ⇧ Z"], text: "help.key_undo" },
  { keys: ["Ctrl C", "Ctrl V"], text: "help.key_copy" },
  { keys: ["Ctrl S"], text: "help.key_save" },
  { keys: ["?"], text: "help.key_help" },
];
const SAMPLE = `name: squares
parameters: {exponent: 2}
tasks:
  - name: power
    python:
      source: |
        def power(part, exponent):
            return [n ** exponent for n in part]
      function: power
    parameters: {exponent: "{exponent}"}
    split: {range: 1000, items_per_subtask: 50}
    aggregate: list
  - name: size
    command: wc -c {power.result}
    dependencies: [power]
`;

/** What one needs to know to begin, on one page. */
export default function HelpPage() {
  useTitle(t("shell.help"));
  return (
    <div className="page help">
      <div className="head">
        <h1>{t("shell.help")}</h1>
        <Link href="/?tour=1" className="button">
          <Icon name="help" />
          {t("help.tour")}
        </Link>
      </div>
      <nav aria-label={t("help.contents")}>
        <ul className="row contents">
          {PARTS.map((part) => (
            <li key={part}>
              <a href={`#${part}`}>{t(`help.${part}`)}</a>
            </li>
          ))}
        </ul>
      </nav>
      <Part id="steps">
        <ol>
          {STEPS.map((step) => (
            <li key={step}>
              <strong>{t(`help.step_${step}`)}</strong> {t(`help.step_${step}_text`)}
            </li>
          ))}
        </ol>
      </Part>
      <Part id="words">
        <p>
          {t("help.words_text")} <Link href="/help/glossary">{t("glossary.title")}</Link>
        </p>
      </Part>
      <Part id="writing">
        <p>{t("help.writing_text")}</p>
        <pre tabIndex={0} role="group" aria-label={t("help.sample")}>
          {SAMPLE}
        </pre>
        <ul>
          <li>{t("help.writing_split")}</li>
          <li>{t("help.writing_dependencies")}</li>
          <li>{t("help.writing_braces", { parameter: "{exponent}", result: "{power.result}" })}</li>
          <li>{t("help.writing_files")}</li>
          <li>{t("help.writing_check")}</li>
        </ul>
      </Part>
      <Part id="states">
        <p>{t("help.states_text")}</p>
      </Part>
      <Part id="safe">
        <ul>
          {SAFE.map((each) => (
            <li key={each}>{t(`help.safe_${each}`)}</li>
          ))}
        </ul>
      </Part>
      <Part id="keys">
        <table className="keys">
          <tbody>
            {KEYS.map(({ keys, text }) => (
              <tr key={text}>
                <th scope="row">
                  {keys.map((key) => (
                    <kbd key={key}>{key}</kbd>
                  ))}
                </th>
                <td>{t(text)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Part>
      <Part id="more">
        <ul>
          <li>
            {t("help.more_api")} <a href="/openapi.json">{"/openapi.json"}</a>
          </li>
          <li>{t("help.more_command", { command: "njangi --help" })}</li>
          <li>
            {t("help.more_tokens")} <Link href="/account?tab=tokens">{t("account.tab_tokens")}</Link>
          </li>
          <li>
            {t("help.more_machine")} <Link href="/join">{t("join.title")}</Link>
          </li>
        </ul>
      </Part>
    </div>
  );
}

function Part({ id, children }: { id: (typeof PARTS)[number]; children: ReactNode }) {
  return (
    <section className="stack" aria-labelledby={id}>
      <h2 id={id} tabIndex={-1}>
        {t(`help.${id}`)}
      </h2>
      {children}
    </section>
  );
}
