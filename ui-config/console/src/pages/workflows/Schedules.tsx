import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Link } from "wouter";
import { may, useMe } from "../../api/me";
import {
  backfillSchedule,
  deleteSchedule,
  pauseSchedule,
  resumeSchedule,
  type Schedule,
  scheduleQuery,
  schedulesQuery,
  triggerSchedule,
} from "../../api/schedules";
import type { Workflow } from "../../api/workflows";
import { duration, momentIn, weekdayName } from "../../text/format";
import { t } from "../../text/text";
import { Ago } from "../../ui/Ago";
import { Confirm, Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { Icon } from "../../ui/Icon";
import { Menu } from "../../ui/Menu";
import { More } from "../../ui/More";
import { Empty, Loading, Problem } from "../../ui/states";
import { tell } from "../../ui/toasts";
import { useAttempt } from "../../ui/useAttempt";
import { simpleOf } from "./cron";
import { ScheduleForm } from "./ScheduleForm";

/** When runs of a workflow start by themselves. */
export default function Schedules({ workflow }: { workflow: Workflow }) {
  const me = useMe();
  const found = useInfiniteQuery(schedulesQuery({ workflow_id: workflow.id }));
  const [making, setMaking] = useState(false);
  const mine = may.change(me, workflow.owner);
  if (!found.data)
    return found.isError ? <Problem error={found.error} again={() => void found.refetch()} /> : <Loading />;
  const schedules = found.data.pages.flatMap((page) => page.schedules);
  const add = mine && (
    <button type="button" className="primary" onClick={() => setMaking(true)}>
      <Icon name="add" />
      {t("schedules.new")}
    </button>
  );
  return (
    <div className="stack roomy">
      {schedules.length === 0 ? (
        <Empty title={t("schedules.none")} action={add || undefined}>
          {t("schedules.none_hint")}
        </Empty>
      ) : (
        <>
          {add && <div className="row">{add}</div>}
          <div className="cards">
            {schedules.map((schedule) => (
              <ScheduleCard key={schedule.id} workflow={workflow} schedule={schedule} />
            ))}
          </div>
        </>
      )}
      <More of={found} />
      {making && <ScheduleForm workflow={workflow} onClose={() => setMaking(false)} />}
    </div>
  );
}

type Asked = "edit" | "backfill" | "delete" | null;

function ScheduleCard({ workflow, schedule }: { workflow: Workflow; schedule: Schedule }) {
  const me = useMe();
  const whole = useQuery(scheduleQuery(schedule.id));
  const [asked, ask] = useState<Asked>(null);
  const [error, setError] = useState<unknown>(null);
  const mine = may.change(me, schedule.owner);
  const name = ruleOf(schedule);
  async function attempt(what: () => Promise<unknown>) {
    setError(null);
    try {
      await what();
    } catch (problem) {
      setError(problem);
    }
  }
  async function trigger() {
    const { outcome, detail } = await triggerSchedule(schedule.id);
    tell(
      outcome === null
        ? t("schedules.waits")
        : detail
          ? `${t(`outcome.${outcome}`)}: ${detail}`
          : t(`outcome.${outcome}`),
    );
  }
  const close = () => ask(null);
  return (
    <article className="card" aria-label={name}>
      <div className="head">
        <h3>{name}</h3>
        {mine && (
          <Menu
            className="plain"
            label={
              <>
                <Icon name="more" size={20} />
                <span className="hidden">{t("schedules.menu", { name })}</span>
              </>
            }
          >
            <button type="button" onClick={() => void attempt(trigger)}>
              <Icon name="play" />
              {t("schedules.trigger")}
            </button>
            <button
              type="button"
              onClick={() =>
                void attempt(() => (schedule.paused ? resumeSchedule(schedule.id) : pauseSchedule(schedule.id)))
              }
            >
              <Icon name={schedule.paused ? "play" : "pause"} />
              {schedule.paused ? t("schedules.resume") : t("schedules.pause")}
            </button>
            <button type="button" onClick={() => ask("edit")}>
              <Icon name="edit" />
              {t("schedules.edit")}
            </button>
            <button type="button" onClick={() => ask("backfill")}>
              <Icon name="back" />
              {t("schedules.backfill")}
            </button>
            <button type="button" onClick={() => ask("delete")}>
              <Icon name="trash" />
              {t("schedules.delete")}
            </button>
          </Menu>
        )}
      </div>
      {schedule.note && <p className="fine">{schedule.note}</p>}
      {schedule.paused ? (
        <span className="status warn">
          <Icon name="pause" size={14} />
          {t("schedules.paused")}
        </span>
      ) : (
        <span className="status good">
          <Icon name="check" size={14} />
          {t("schedules.active")}
        </span>
      )}
      <div className="fine">
        <strong>{schedule.paused ? t("schedules.next_paused") : t("schedules.next")}</strong>
        <ul className="times">
          {(whole.data?.next_times ?? (schedule.next_at ? [schedule.next_at] : [])).map((at) => (
            <li key={at}>{momentIn(Date.parse(at), schedule.timezone)}</li>
          ))}
        </ul>
        {whole.data?.next_times.length === 0 && <p>{t("schedules.never")}</p>}
      </div>
      <p className="fine faint">{t(`schedules.overlap_${schedule.overlap}`)}</p>
      {schedule.waiting && <p className="fine">{t("schedules.waits")}</p>}
      {schedule.backfills.length > 0 && (
        <p className="fine">
          {t("schedules.backfilling", {
            next: momentIn(Date.parse(schedule.backfills[0]!.next_at), schedule.timezone),
          })}
        </p>
      )}
      {schedule.recent.length > 0 && (
        <details>
          <summary className="fine">{t("schedules.recent", { count: schedule.recent.length })}</summary>
          <ul className="fine times">
            {schedule.recent.map((taken) => (
              <li key={`${taken.at} ${taken.decided_at}`}>
                {taken.run_id ? (
                  <Link href={`/runs/${taken.run_id}`}>{t(`outcome.${taken.outcome}`)}</Link>
                ) : (
                  t(`outcome.${taken.outcome}`)
                )}{" "}
                <Ago at={taken.at} />
                {taken.detail && <span className="faint"> {taken.detail}</span>}
              </li>
            ))}
          </ul>
        </details>
      )}
      {error !== null && <Problem error={error} />}
      {asked === "edit" && <ScheduleForm workflow={workflow} schedule={schedule} onClose={close} />}
      {asked === "backfill" && <BackfillDialog schedule={schedule} onClose={close} />}
      {asked === "delete" && (
        <Confirm
          title={t("schedules.delete_title")}
          action={t("schedules.delete")}
          danger
          onClose={close}
          onConfirm={async () => {
            await deleteSchedule(schedule.id);
            tell(t("schedules.deleted"));
          }}
        >
          {t("schedules.delete_hint", { when: name, name: workflow.name })}
        </Confirm>
      )}
    </article>
  );
}

/** When it is due, as its heading. */
function ruleOf(schedule: Schedule): string {
  if (schedule.interval !== null) return t("schedules.each_interval", { interval: duration(schedule.interval) });
  const simple = simpleOf(schedule.cron ?? "");
  const zone = schedule.timezone;
  if (!simple) return `${schedule.cron} (${zone})`;
  const time = `${String(simple.hour).padStart(2, "0")}:${String(simple.minute).padStart(2, "0")}`;
  if (simple.every === "hour") return t("schedules.says_hour", { minute: simple.minute });
  if (simple.every === "day") return t("schedules.says_day", { time, zone });
  if (simple.every === "week") return t("schedules.says_week", { weekday: weekdayName(simple.weekday), time, zone });
  return t("schedules.says_month", { day: simple.day, time, zone });
}

function BackfillDialog({ schedule, onClose }: { schedule: Schedule; onClose: () => void }) {
  const [from, setFrom] = useState("");
  const [until, setUntil] = useState("");
  const [together, setTogether] = useState(false);
  const { busy, error, attempt } = useAttempt();
  async function begin() {
    await backfillSchedule(schedule.id, {
      from: new Date(from).toISOString(),
      until: new Date(until).toISOString(),
      overlap: together ? "allow" : "queue",
    });
    tell(t("schedules.backfill_begun"));
    onClose();
  }
  function submit(event: FormEvent) {
    event.preventDefault();
    void attempt(begin);
  }
  return (
    <Dialog title={t("schedules.backfill_title")} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        <p className="faint">{t("schedules.backfill_hint")}</p>
        <div className="pair">
          <Field label={t("schedules.from")}>
            <input type="datetime-local" required value={from} onChange={(event) => setFrom(event.target.value)} />
          </Field>
          <Field label={t("schedules.until")}>
            <input
              type="datetime-local"
              required
              value={until}
              min={from}
              onChange={(event) => setUntil(event.target.value)}
            />
          </Field>
        </div>
        <label className="check">
          <input type="checkbox" checked={together} onChange={(event) => setTogether(event.target.checked)} />
          {t("schedules.together")}
        </label>
        {error !== null && <Problem error={error} />}
        <div className="row">
          <button type="submit" className="primary" disabled={busy}>
            {t("schedules.backfill")}
          </button>
          <button type="button" onClick={onClose}>
            {t("ui.cancel")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
