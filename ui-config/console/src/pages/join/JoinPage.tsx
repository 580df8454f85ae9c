import { Choices } from "../../shell/Choices";
import type { Language } from "../../text/text";

export default function JoinPage({ onLanguage }: { onLanguage: (to: Language) => void }) {
  return <main className="door"><Choices onLanguage={onLanguage} /></main>;
}
