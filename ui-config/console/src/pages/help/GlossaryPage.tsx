import "./help.css";
import { Link } from "wouter";
import { language, t } from "../../text/text";
import { useTitle } from "../../ui/useTitle";
import { WORDS } from "./words";

/** The words of the console and their meanings, in alphabetical order of the user's language. */
export default function GlossaryPage() {
  useTitle(t("glossary.title"));
  const words = WORDS.map((word) => ({ word, name: t(`word.${word}`) })).toSorted((a, b) =>
    a.name.localeCompare(b.name, language()),
  );
  return (
    <div className="page help">
      <div className="head">
        <h1>{t("glossary.title")}</h1>
        <Link href="/help" className="button">
          {t("glossary.back")}
        </Link>
      </div>
      <p>{t("glossary.lead")}</p>
      <dl className="facts">
        {words.map(({ word, name }) => [
          <dt key={word} id={word}>
            {name}
          </dt>,
          <dd key={`${word} is`}>{t(`word.${word}_is`)}</dd>,
        ])}
      </dl>
    </div>
  );
}
