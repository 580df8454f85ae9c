import { type ReactNode, useState } from "react";
import { type Control, type Run, useControl } from "../../api/runs";
import { t } from "../../text/text";
import { Confirm } from "../../ui/Dialog";
import { tell } from "../../ui/toasts";

/** Asks what becomes of the attempts under way, of a run or of one task of it. */
export function PauseDialog({ run, task, onClose }: { run: Run; task?: string; onClose: () => void }) {
  const [back, setBack] = useState(false);
  const control = useControl(run.id);
  const out = run.tasks
    .filter(({ name }) => task === undefined || name === task)
    .reduce((sum, each) => sum + each.leased, 0);
  async function pause() {
    const what: Control =
      task === undefined ? { verb: "pause", call_back: back } : { verb: "pause-task", task, call_back: back };
    await control.mutateAsync(what);
    tell(t("run.paused_now", { name: task ?? run.name }));
  }
  return (
    <Confirm
      title={t("run.pause_title", { name: task ?? run.name })}
      action={t("run.pause")}
      onConfirm={pause}
      onClose={onClose}
    >
      <fieldset className="stack plain-set">
        <legend>{t("run.pause_what", { out })}</legend>
        <Option name="back" checked={!back} onChoose={() => setBack(false)}>
          {t("run.pause_finish")}
        </Option>
        <Option name="back" checked={back} onChoose={() => setBack(true)}>
          {t("run.pause_back")}
        </Option>
      </fieldset>
    </Confirm>
  );
}

function Option({
  name,
  checked,
  onChoose,
  children,
}: {
  name: string;
  checked: boolean;
  onChoose: () => void;
  children: ReactNode;
}) {
  return (
    <label className="check">
      <input type="radio" name={name} checked={checked} onChange={onChoose} />
      <span>{children}</span>
    </label>
  );
}

/** The first cancel lets the run clean up after itself; the second leaves that out. */
export function CancelDialog({ run, onClose }: { run: Run; onClose: () => void }) {
  const control = useControl(run.id);
  const again = run.cancel_requested;
  return (
    <Confirm
      title={t(again ? "run.cancel_now_title" : "run.cancel_title", { name: run.name })}
      danger
      onClose={onClose}
      action={again ? t("run.cancel_now") : t("run.cancel")}
      onConfirm={() => control.mutateAsync({ verb: "cancel" })}
    >
      <p>{again ? t("run.cancel_now_what") : t("run.cancel_what")}</p>
    </Confirm>
  );
}
