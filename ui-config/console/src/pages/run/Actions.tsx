import { useState } from "react";
import { Link } from "wouter";
import { may, useMe } from "../../api/me";
import { archiveAddress, ENDED, type Run, useControl } from "../../api/runs";
import { t } from "../../text/text";
import { Confirm } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import { Menu } from "../../ui/Menu";
import { inWords } from "../../ui/states";
import { tell } from "../../ui/toasts";
import { CancelDialog, PauseDialog } from "./Stopping";
import { RerunDialog } from "./RerunDialog";
import { ResetDialog } from "./ResetDialog";
import { ShareRun } from "./ShareRun";
import { SignalDialog } from "./SignalDialog";
import { useWaits } from "./useWaits";

type Asked = "pause" | "cancel" | "retry" | "reset" | "rerun" | "signal" | "share";

/** What can be done with the run as it is, by who looks at it. */
export function Actions({ run }: { run: Run }) {
  const me = useMe();
  const [asked, setAsked] = useState<Asked | null>(null);
  const control = useControl(run.id);
  const waits = useWaits(run);
  const over = ENDED.has(run.status);
  const mine = may.change(me, run.owner);
  const close = () => setAsked(null);
  function resume() {
    control.mutate(
      { verb: "resume" },
      { onSuccess: () => tell(t("run.resumed")), onError: (error) => tell(inWords(error)) },
    );
  }
  return (
    <div className="row">
      {mine && !over && waits.length > 0 && (
        <button type="button" className="primary" onClick={() => setAsked("signal")}>
          <Icon name="signal" />
          {t("run.answer")}
        </button>
      )}
      {mine && run.status === "PAUSED" && (
        <button type="button" className="primary" disabled={control.isPending} onClick={resume}>
          <Icon name="play" />
          {t("run.resume")}
        </button>
      )}
      {mine && !over && run.status !== "PAUSED" && !run.cancel_requested && (
        <button type="button" onClick={() => setAsked("pause")}>
          <Icon name="pause" />
          {t("run.pause")}
        </button>
      )}
      {mine && !over && (
        <button type="button" className="danger" onClick={() => setAsked("cancel")}>
          <Icon name="stop" />
          {run.cancel_requested ? t("run.cancel_now") : t("run.cancel")}
        </button>
      )}
      {mine && (run.status === "FAILED" || run.status === "CANCELLED") && (
        <button type="button" className="primary" onClick={() => setAsked("retry")}>
          <Icon name="refresh" />
          {t("run.retry")}
        </button>
      )}
      {mine && over && (
        <button type="button" onClick={() => setAsked("rerun")}>
          <Icon name="play" />
          {t("run.rerun")}
        </button>
      )}
      <Menu
        label={
          <>
            <Icon name="more" />
            <span>{t("run.more")}</span>
          </>
        }
      >
        {mine && !over && (
          <button type="button" onClick={() => setAsked("rerun")}>
            <Icon name="play" />
            {t("run.rerun")}
          </button>
        )}
        {mine && over && run.workflow_id && (
          <button type="button" onClick={() => setAsked("reset")}>
            <Icon name="undo" />
            {t("run.reset")}
          </button>
        )}
        {mine && !over && (
          <button type="button" onClick={() => setAsked("signal")}>
            <Icon name="signal" />
            {t("run.signal")}
          </button>
        )}
        {run.workflow_id && (
          <a className="button" href={archiveAddress(run.id, "zip")} download>
            <Icon name="download" />
            {t("run.archive")}
          </a>
        )}
        <Link className="button" href={`/runs/compare?a=${run.id}`}>
          <Icon name="split" />
          {t("run.compare")}
        </Link>
        {mine && run.workflow_id && (
          <button type="button" onClick={() => setAsked("share")}>
            <Icon name="people" />
            {t("run.share")}
          </button>
        )}
      </Menu>
      {asked === "pause" && <PauseDialog run={run} onClose={close} />}
      {asked === "cancel" && <CancelDialog run={run} onClose={close} />}
      {asked === "reset" && <ResetDialog run={run} onClose={close} />}
      {asked === "rerun" && <RerunDialog run={run} onClose={close} />}
      {asked === "signal" && <SignalDialog run={run} waits={waits} onClose={close} />}
      {asked === "share" && <ShareRun run={run} onClose={close} />}
      {asked === "retry" && (
        <Confirm
          title={t("run.retry_title", { name: run.name })}
          action={t("run.retry")}
          onClose={close}
          onConfirm={() => control.mutateAsync({ verb: "retry-failed" })}
        >
          <p>{t("run.retry_what")}</p>
        </Confirm>
      )}
    </div>
  );
}
