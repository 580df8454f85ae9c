import { Link } from "wouter";
import { endingSaid } from "../../text/said";
import { t } from "../../text/text";
import { Ago } from "../../ui/Ago";
import { Icon, type IconName } from "../../ui/Icon";
import type { Concern } from "./concerns";

const MOST = 6;
const NAMED = 3;

const LOOKS: Record<Concern["kind"], [tone: string, icon: IconName]> = {
  nobody: ["warn", "warn"],
  signal: ["busy", "signal"],
  failed: ["bad", "cross"],
  holes: ["warn", "warn"],
  paused: ["warn", "pause"],
  suspended: ["warn", "pause"],
  silent: ["idle", "machine"],
};

/** What needs somebody; nothing stands here while all is well. */
export function Attention({ concerns }: { concerns: readonly Concern[] }) {
  if (concerns.length === 0) return null;
  return (
    <section className="stack" aria-labelledby="attention">
      <h2 id="attention">{t("home.attention")}</h2>
      <ul className="concerns card">
        {concerns.slice(0, MOST).map((concern) => {
          const [tone, icon] = LOOKS[concern.kind];
          return (
            <li key={keyOf(concern)}>
              <span className={`status ${tone}`}>
                <Icon name={icon} size={18} />
              </span>
              <div>
                <Said concern={concern} />
              </div>
            </li>
          );
        })}
      </ul>
      {concerns.length > MOST && (
        <Link href={concerns.slice(MOST).every(({ kind }) => kind === "failed") ? "/runs?status=FAILED" : "/runs"}>
          {t("home.more_concerns", { count: concerns.length - MOST })}
        </Link>
      )}
    </section>
  );
}

function keyOf(concern: Concern): string {
  if (concern.kind === "signal") return `signal ${concern.run.id} ${concern.task}`;
  return "run" in concern ? `${concern.kind} ${concern.run.id}` : concern.kind;
}

function Said({ concern }: { concern: Concern }) {
  switch (concern.kind) {
    case "nobody":
      return (
        <>
          {t("home.nobody")} <Link href="/volunteers">{t("home.nobody_do")}</Link>
        </>
      );
    case "signal":
      return (
        <>
          {t("home.signal", { name: concern.run.name, signal: concern.signal })}{" "}
          <Link href={`/runs/${concern.run.id}`}>{t("home.signal_do")}</Link>
        </>
      );
    case "failed": {
      const { run } = concern;
      return (
        <>
          {t("home.failed", { name: run.name })} <Ago at={run.ended_at ?? run.created_at} />.{" "}
          <Link href={`/runs/${run.id}/errors`}>{t("home.failed_do", { name: run.name })}</Link>
          {run.error && <p className="fine faint clamp">{endingSaid(run).split("\n")[0]}</p>}
        </>
      );
    }
    case "holes":
      return (
        <>
          {t("home.holes", { name: concern.run.name, failed: concern.run.failed_parts, parts: concern.run.parts })}{" "}
          <Ago at={concern.run.ended_at ?? concern.run.created_at} />.{" "}
          <Link href={`/runs/${concern.run.id}/errors`}>{t("home.holes_do", { name: concern.run.name })}</Link>
        </>
      );
    case "paused":
      return (
        <>
          {t("home.paused", { name: concern.run.name })}{" "}
          <Link href={`/runs/${concern.run.id}`}>{t("home.paused_do", { name: concern.run.name })}</Link>
        </>
      );
    case "suspended":
      return (
        <>
          {t("home.suspended", { count: concern.volunteers.length, names: named(concern.volunteers) })}{" "}
          <Link href="/volunteers?state=SUSPENDED">{t("home.machines_do")}</Link>
        </>
      );
    case "silent":
      return (
        <>
          {t("home.silent", { count: concern.volunteers.length, names: named(concern.volunteers) })}{" "}
          <Link href="/volunteers?state=OFFLINE">{t("home.machines_do")}</Link>
        </>
      );
  }
}

function named(volunteers: readonly { name: string }[]): string {
  const names = volunteers
    .slice(0, NAMED)
    .map((volunteer) => volunteer.name)
    .join(", ");
  return volunteers.length > NAMED ? `${names}…` : names;
}
