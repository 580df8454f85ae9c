import { LANGUAGES, type Language, language, t } from "../text/text";
import { THEMES, useTheme } from "./theme";

/** Language and colours. */
export function Choices({ onLanguage }: { onLanguage: (to: Language) => void }) {
  const [theme, setTheme] = useTheme();
  return (
    <div className="choices" onClick={(event) => event.stopPropagation()}>
      <div role="group" aria-label={t("shell.language")} className="row">
        {LANGUAGES.map((each) => (
          <button
            key={each}
            type="button"
            className="small"
            lang={each}
            aria-pressed={each === language()}
            onClick={() => onLanguage(each)}
          >
            {t(`language.${each}`)}
          </button>
        ))}
      </div>
      <div role="group" aria-label={t("shell.theme")} className="row">
        {THEMES.map((each) => (
          <button
            key={each}
            type="button"
            className="small"
            aria-pressed={each === theme}
            onClick={() => setTheme(each)}
          >
            {t(`theme.${each}`)}
          </button>
        ))}
      </div>
    </div>
  );
}
