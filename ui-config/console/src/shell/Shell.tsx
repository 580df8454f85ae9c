import { type ReactNode, useEffect, useRef } from "react";
import { Link, useLocation } from "wouter";
import { may, useMe, useSignOut } from "../api/me";
import { type Language, t } from "../text/text";
import { Icon, type IconName } from "../ui/Icon";
import { Menu } from "../ui/Menu";
import { Choices } from "../components/Choices";
import { Staleness } from "./Staleness";

/** The frame of every page: where one is, where one can go, who one is. */
export function Shell({ children, onLanguage }: { children: ReactNode; onLanguage: (to: Language) => void }) {
  const me = useMe();
  const [path] = useLocation();
  const main = useRef<HTMLElement>(null);
  const section = path.split("/")[1] ?? "";
  const shown = useRef(section);
  useEffect(() => {
    if (shown.current === section) return;
    shown.current = section;
    main.current?.focus({ preventScroll: true }); // a reader hears the new page, not the old link
    scrollTo(0, 0);
  }, [section]);
  return (
    <>
      <a className="skip" href="#main">
        {t("shell.skip")}
      </a>
      <header className="bar">
        <Link href="/" className="brand">
          <img src="/icon.svg" alt="" width="26" height="26" />
          <span>Njangi</span>
        </Link>
        <nav aria-label={t("shell.sections")}>
          <Place to="/" icon="home" text={t("shell.home")} here={section === ""} />
          <Place to="/workflows" icon="workflow" text={t("shell.workflows")} here={section === "workflows"} />
          <Place to="/runs" icon="play" text={t("shell.runs")} here={section === "runs"} />
          <Place to="/volunteers" icon="machine" text={t("shell.volunteers")} here={section === "volunteers"} />
          {may.administer(me) && <Place to="/admin" icon="people" text={t("shell.admin")} here={section === "admin"} />}
        </nav>
        <div className="row">
          <Link href="/help" className="button plain" aria-label={t("shell.help")}>
            <Icon name="help" size={20} />
          </Link>
          <Account onLanguage={onLanguage} />
        </div>
      </header>
      <Staleness />
      <main id="main" ref={main} tabIndex={-1}>
        {children}
      </main>
    </>
  );
}

function Place({ to, icon, text, here }: { to: string; icon: IconName; text: string; here: boolean }) {
  return (
    <Link href={to} aria-current={here ? "page" : undefined}>
      <Icon name={icon} size={18} />
      <span>{text}</span>
    </Link>
  );
}

function Account({ onLanguage }: { onLanguage: (to: Language) => void }) {
  const me = useMe();
  const signOut = useSignOut();
  return (
    <Menu
      className="plain"
      label={
        <>
          <Icon name="people" size={18} />
          <span className="name">{me.name}</span>
          <Icon name="down" size={12} />
        </>
      }
    >
      <Link href="/account" className="button">
        {t("shell.account")}
      </Link>
      <button type="button" onClick={() => signOut.mutate()}>
        {t("shell.sign_out")}
      </button>
      <Choices onLanguage={onLanguage} />
    </Menu>
  );
}
