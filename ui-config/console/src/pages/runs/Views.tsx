import { type FormEvent, useState } from "react";
import { Link } from "wouter";
import { t } from "../../text/text";
import { Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { Icon } from "../../ui/Icon";
import { Menu } from "../../ui/Menu";
import { tell } from "../../ui/toasts";
import { forget, keep, views } from "./views";

/** Searches that were given a name, to go back to; and a name for the one that is shown. */
export function Views({ search }: { search: string }) {
  const [kept, setKept] = useState(views);
  const [naming, setNaming] = useState(false);
  const [name, setName] = useState("");
  const here = kept.find((view) => view.search === search);
  function save(event: FormEvent) {
    event.preventDefault();
    setKept(keep({ name: name.trim(), search }));
    tell(t("runs.view_kept", { name: name.trim() }));
    setNaming(false);
    setName("");
  }
  return (
    <>
      <Menu
        label={
          <>
            {here ? here.name : t("runs.views")}
            <Icon name="down" size={12} />
          </>
        }
      >
        {kept.map((view) => (
          <Link
            key={view.name}
            className="button"
            href={`/runs?${view.search}`}
            aria-current={view === here ? "true" : undefined}
          >
            {view.name}
          </Link>
        ))}
        {kept.length === 0 && <p className="fine faint menu-note">{t("runs.no_views")}</p>}
        {search !== "" && !here && (
          <button type="button" onClick={() => setNaming(true)}>
            <Icon name="add" />
            {t("runs.keep_view")}
          </button>
        )}
        {here && (
          <button type="button" onClick={() => setKept(forget(here.name))}>
            <Icon name="trash" />
            {t("runs.forget_view", { name: here.name })}
          </button>
        )}
      </Menu>
      {naming && (
        <Dialog title={t("runs.keep_view")} onClose={() => setNaming(false)}>
          <form className="stack" onSubmit={save}>
            <Field label={t("runs.view_name")} hint={t("runs.view_hint")}>
              <input
                value={name}
                onChange={(event) => setName(event.target.value)}
                required
                maxLength={60}
                autoFocus
                autoComplete="off"
              />
            </Field>
            <div className="row">
              <button type="submit" className="primary" disabled={name.trim() === ""}>
                {t("runs.keep_action")}
              </button>
              <button type="button" onClick={() => setNaming(false)}>
                {t("ui.cancel")}
              </button>
            </div>
          </form>
        </Dialog>
      )}
    </>
  );
}
