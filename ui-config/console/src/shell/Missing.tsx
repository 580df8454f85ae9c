import { Link } from "wouter";
import { t } from "../text/text";
import { Empty } from "../ui/states";

export default function Missing() {
  return (
    <div className="page">
      <Empty title={t("missing.title")} action={<Link href="/" className="button primary">{t("missing.home")}</Link>}>
        {t("missing.why")}
      </Empty>
    </div>
  );
}
