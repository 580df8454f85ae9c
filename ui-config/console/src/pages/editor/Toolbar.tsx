import { Link } from "wouter";
import { t } from "../../text/text";
import { Icon, type IconName } from "../../ui/Icon";
import { Menu } from "../../ui/Menu";
import type { Kind } from "./model";
import { KINDS } from "./model";

interface Props {
  id: string | null;
  name: string;
  state: string;
  editable: boolean;
  can: {
    undo: boolean;
    redo: boolean;
    save: boolean;
    run: boolean;
    check: boolean;
    selected: boolean;
    discard: boolean;
  };
  on: {
    undo: () => void;
    redo: () => void;
    add: (kind: Kind) => void;
    arrange: () => void;
    dryRun: () => void;
    save: () => unknown;
    run: () => void;
    copy: () => void;
    paste: () => void;
    duplicate: () => unknown;
    remove: () => void;
    help: () => void;
    discard: () => void;
  };
}

export function Toolbar({ id, name, state, editable, can, on }: Props) {
  return (
    <div className="toolbar">
      <Link
        href={id === null ? "/workflows" : `/workflows/${id}`}
        className="button plain"
        aria-label={t(id === null ? "editor.back_all" : "editor.back")}
      >
        <Icon name="back" />
      </Link>
      <div className="title">
        <h1>{name}</h1>
        <p className="fine faint" role="status">
          {state}
        </p>
      </div>
      {editable && (
        <>
          <Tool icon="undo" text={t("editor.key.undo")} disabled={!can.undo} onPress={on.undo} />
          <Tool icon="redo" text={t("editor.key.redo")} disabled={!can.redo} onPress={on.redo} />
          <span className="narrow">
            <Menu
              label={
                <>
                  <Icon name="add" /> {t("editor.add")}
                </>
              }
            >
              {KINDS.map((kind) => (
                <button key={kind} type="button" onClick={() => on.add(kind)}>
                  {t(`editor.kind.${kind}`)}
                </button>
              ))}
            </Menu>
          </span>
        </>
      )}
      <Menu
        className="plain"
        label={
          <>
            <Icon name="more" size={20} />
            <span className="hidden">{t("editor.more")}</span>
          </>
        }
      >
        <button type="button" onClick={on.arrange}>
          {t("editor.key.arrange")}
        </button>
        <button type="button" disabled={!can.selected} onClick={on.copy}>
          {t("editor.key.copy")}
        </button>
        {editable && (
          <>
            <button type="button" onClick={on.paste}>
              {t("editor.key.paste")}
            </button>
            <button type="button" disabled={!can.selected} onClick={on.duplicate}>
              {t("editor.key.duplicate")}
            </button>
            <button type="button" disabled={!can.selected} onClick={on.remove}>
              {t("editor.key.delete")}
            </button>
            <button type="button" disabled={!can.discard} onClick={on.discard}>
              {t("editor.discard")}
            </button>
          </>
        )}
        <button type="button" onClick={on.help}>
          {t("editor.shortcuts")}
        </button>
      </Menu>
      {editable && (
        <button type="button" disabled={!can.check} onClick={on.dryRun}>
          {t("editor.dry_run")}
        </button>
      )}
      {editable && (
        <button type="button" className={can.save ? "primary" : undefined} disabled={!can.save} onClick={on.save}>
          {t("editor.save")}
        </button>
      )}
      {editable && (
        <button type="button" disabled={!can.run} onClick={on.run}>
          <Icon name="play" /> {t(can.save ? "editor.save_and_run" : "editor.run")}
        </button>
      )}
    </div>
  );
}

function Tool({
  icon,
  text,
  disabled,
  onPress,
}: {
  icon: IconName;
  text: string;
  disabled: boolean;
  onPress: () => void;
}) {
  return (
    <button type="button" className="plain" aria-label={text} title={text} disabled={disabled} onClick={onPress}>
      <Icon name={icon} size={18} />
    </button>
  );
}
