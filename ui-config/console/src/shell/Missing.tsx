import { Link } from "wouter";
import { t } from "../text/text";

export default function Missing() {
  return (
    <div className="page">
      <div className="empty">
        <h1>{t("missing.title")}</h1>
        <p>{t("missing.why")}</p>
        <Link href="/" className="button primary">
          {t("missing.home")}
        </Link>
      </div>
    </div>
  );
}
