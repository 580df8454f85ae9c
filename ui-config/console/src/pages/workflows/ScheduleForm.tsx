import { type FormEvent, useState } from "react";
import { serviceNow } from "../../api/clock";
import { createSchedule, editSchedule, type Overlap, type Schedule } from "../../api/schedules";
import type { Workflow } from "../../api/workflows";
import { momentIn, pointed, weekdayName } from "../../text/format";
import { t } from "../../text/text";
import { Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { Problem } from "../../ui/states";
import { tell } from "../../ui/toasts";
import { useAttempt } from "../../ui/useAttempt";
import { cronFor, cronOf, isZone, nextTimes, type Simple, simpleOf } from "./cron";
import { ParameterFields } from "../../components/ParameterFields";
import { changed, startingTexts, wrong } from "../../components/parameters";

const OVERLAPS = ["skip", "queue", "cancel_old", "allow"] as const satisfies readonly Overlap[];
const EVERY = ["hour", "day", "week", "month"] as const;
const UNITS = { minutes: 60, hours: 3600, days: 86_400 } as const;
type Unit = keyof typeof UNITS;
type Way = "simple" | "interval" | "cron";
const WAYS = ["simple", "interval", "cron"] as const satisfies readonly Way[];
const CATCH_UP = 600; // s, as the service has it where nothing is said
const PREVIEWED = 3;

const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

function unitOf(seconds: number): Unit {
  return seconds % UNITS.days === 0 ? "days" : seconds % UNITS.hours === 0 ? "hours" : "minutes";
}

/** Makes a schedule, or changes one: at fixed times, every so often, or by a cron expression. */
export function ScheduleForm({
  workflow,
  schedule,
  onClose,
}: {
  workflow: Workflow;
  schedule?: Schedule;
  onClose: () => void;
}) {
  const defaults = (workflow.spec.parameters ?? {}) as Record<string, unknown>;
  const [way, setWay] = useState<Way>(
    schedule?.interval ? "interval" : schedule && !simpleOf(schedule.cron ?? "") ? "cron" : "simple",
  );
  const [simple, setSimple] = useState<Simple>(
    () => simpleOf(schedule?.cron ?? "") ?? { every: "day", minute: 0, hour: 2, weekday: 1, day: 1 },
  );
  const [cron, setCron] = useState(schedule?.cron ?? "0 2 * * *");
  const [unit, setUnit] = useState<Unit>(schedule?.interval ? unitOf(schedule.interval) : "hours");
  const [amount, setAmount] = useState(String(schedule?.interval ? schedule.interval / UNITS[unit] : 6));
  const [zone, setZone] = useState(schedule?.cron ? schedule.timezone : HERE);
  const [overlap, setOverlap] = useState<Overlap>(schedule?.overlap ?? "skip");
  const [note, setNote] = useState("");
  const [texts, setTexts] = useState(() => startingTexts(defaults, schedule?.parameters));
  const { busy, error, attempt } = useAttempt();

  const expression = way === "simple" ? cronFor(simple) : cron.trim();
  const seconds = Math.round(Number(pointed(amount)) * UNITS[unit]);
  const zoneWrong = way !== "interval" && !isZone(zone);
  const amountWrong = way === "interval" && !(seconds >= 1);
  const faulty = zoneWrong || amountWrong || (way === "cron" && expression === "") || wrong(texts, defaults).length > 0;

  async function save() {
    const rule = {
      workflow_id: workflow.id,
      parameters: changed(texts, defaults),
      overlap,
      catch_up: schedule?.catch_up ?? CATCH_UP,
      start_at: schedule?.start_at ?? null,
      end_at: schedule?.end_at ?? null,
      ...(way === "interval" ? { interval: seconds, timezone: "UTC" } : { cron: expression, timezone: zone }),
    };
    if (schedule) await editSchedule(schedule.id, rule);
    else await createSchedule({ ...rule, paused: false, note });
    tell(schedule ? t("schedules.edited") : t("schedules.created", { name: workflow.name }));
    onClose();
  }
  function submit(event: FormEvent) {
    event.preventDefault();
    void attempt(save);
  }
  return (
    <Dialog
      title={
        schedule
          ? t("schedules.edit_title", { name: workflow.name })
          : t("schedules.new_title", { name: workflow.name })
      }
      onClose={onClose}
    >
      <form className="stack" onSubmit={submit}>
        <Field label={t("schedules.when")}>
          <select value={way} onChange={(event) => setWay(event.target.value as Way)}>
            {WAYS.map((each) => (
              <option key={each} value={each}>
                {t(`schedules.way_${each}`)}
              </option>
            ))}
          </select>
        </Field>
        {way === "simple" && <SimpleTimes simple={simple} onChange={setSimple} />}
        {way === "cron" && (
          <Field label={t("schedules.cron")} hint={t("schedules.cron_hint")}>
            <input
              className="mono"
              value={cron}
              onChange={(event) => setCron(event.target.value)}
              autoComplete="off"
              spellCheck={false}
            />
          </Field>
        )}
        {way === "interval" && (
          <div className="pair">
            <Field label={t("schedules.every")} fault={amountWrong ? t("schedules.amount_wrong") : null}>
              <input inputMode="decimal" value={amount} onChange={(event) => setAmount(event.target.value)} />
            </Field>
            <Field label={t("schedules.unit")}>
              <select value={unit} onChange={(event) => setUnit(event.target.value as Unit)}>
                {(Object.keys(UNITS) as Unit[]).map((each) => (
                  <option key={each} value={each}>
                    {t(`schedules.unit_${each}`)}
                  </option>
                ))}
              </select>
            </Field>
          </div>
        )}
        {way !== "interval" && (
          <Field label={t("schedules.zone")} fault={zoneWrong ? t("schedules.zone_wrong") : null}>
            <input value={zone} onChange={(event) => setZone(event.target.value)} list="zones" autoComplete="off" />
          </Field>
        )}
        <datalist id="zones">
          {Intl.supportedValuesOf("timeZone").map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
        {way !== "interval" && !zoneWrong && <Preview expression={expression} zone={zone} />}
        <Field label={t("schedules.overlap")}>
          <select value={overlap} onChange={(event) => setOverlap(event.target.value as Overlap)}>
            {OVERLAPS.map((each) => (
              <option key={each} value={each}>
                {t(`schedules.overlap_${each}`)}
              </option>
            ))}
          </select>
        </Field>
        <ParameterFields defaults={defaults} texts={texts} onChange={setTexts} />
        {!schedule && (
          <Field label={t("schedules.note")} hint={t("schedules.note_hint")}>
            <input value={note} onChange={(event) => setNote(event.target.value)} maxLength={500} autoComplete="off" />
          </Field>
        )}
        {error !== null && <Problem error={error} />}
        <div className="row">
          <button type="submit" className="primary" disabled={busy || faulty}>
            {schedule ? t("schedules.save") : t("schedules.create")}
          </button>
          <button type="button" onClick={onClose}>
            {t("ui.cancel")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function SimpleTimes({ simple, onChange }: { simple: Simple; onChange: (simple: Simple) => void }) {
  const pad = (value: number) => String(value).padStart(2, "0");
  return (
    <div className="pair">
      <Field label={t("schedules.every")}>
        <select
          value={simple.every}
          onChange={(event) => onChange({ ...simple, every: event.target.value as Simple["every"] })}
        >
          {EVERY.map((each) => (
            <option key={each} value={each}>
              {t(`schedules.each_${each}`)}
            </option>
          ))}
        </select>
      </Field>
      {simple.every === "week" && (
        <Field label={t("schedules.weekday")}>
          <select
            value={simple.weekday}
            onChange={(event) => onChange({ ...simple, weekday: Number(event.target.value) })}
          >
            {[1, 2, 3, 4, 5, 6, 0].map((each) => (
              <option key={each} value={each}>
                {weekdayName(each)}
              </option>
            ))}
          </select>
        </Field>
      )}
      {simple.every === "month" && (
        <Field label={t("schedules.day")}>
          <select value={simple.day} onChange={(event) => onChange({ ...simple, day: Number(event.target.value) })}>
            {Array.from({ length: 28 }, (_, at) => at + 1).map((each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ))}
          </select>
        </Field>
      )}
      {simple.every === "hour" ? (
        <Field label={t("schedules.minute")}>
          <input
            type="number"
            min={0}
            max={59}
            value={simple.minute}
            onChange={(event) => onChange({ ...simple, minute: Math.min(59, Math.max(0, Number(event.target.value))) })}
          />
        </Field>
      ) : (
        <Field label={t("schedules.time")}>
          <input
            type="time"
            required
            value={`${pad(simple.hour)}:${pad(simple.minute)}`}
            onChange={(event) => {
              const [hour, minute] = event.target.value.split(":").map(Number);
              if (hour !== undefined && minute !== undefined) onChange({ ...simple, hour, minute });
            }}
          />
        </Field>
      )}
    </div>
  );
}

function Preview({ expression, zone }: { expression: string; zone: string }) {
  const read = cronOf(expression);
  if (!read) return <p className="fine faint">{t("schedules.preview_later")}</p>;
  const times = nextTimes(read, zone, serviceNow(), PREVIEWED);
  return (
    <div className="preview" aria-live="polite">
      <strong className="fine">{t("schedules.next")}</strong>
      {times.length === 0 ? (
        <p className="fine">{t("schedules.never")}</p>
      ) : (
        <ul className="fine">
          {times.map((at) => (
            <li key={at}>{momentIn(at, zone)}</li>
          ))}
        </ul>
      )}
    </div>
  );
}
