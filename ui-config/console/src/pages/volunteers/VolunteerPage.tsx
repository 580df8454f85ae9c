import "./volunteers.css";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link } from "wouter";
import { joinTokensQuery } from "../../api/joining";
import { may, useMe } from "../../api/me";
import { type OneVolunteer, resume, retire, suspend, volunteerQuery } from "../../api/volunteers";
import { moment, number, size } from "../../text/format";
import { t } from "../../text/text";
import { Ago, Until } from "../../ui/Ago";
import { Confirm } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { Icon } from "../../ui/Icon";
import { Scroll } from "../../ui/Scroll";
import { Status } from "../../ui/Status";
import { Loading, Problem } from "../../ui/states";
import { tell } from "../../ui/toasts";
import { useTitle } from "../../ui/useTitle";
import { MissingProtections, Reliability, Sandbox } from "./parts";

export default function VolunteerPage({ id }: { id: string }) {
  const volunteer = useQuery(volunteerQuery(id));
  useTitle(volunteer.data?.name);
  if (volunteer.data) return <OneMachine volunteer={volunteer.data} />;
  if (volunteer.isError)
    return (
      <div className="page">
        <Problem error={volunteer.error} again={() => void volunteer.refetch()} />
      </div>
    );
  return (
    <div className="page">
      <Loading />
    </div>
  );
}

function OneMachine({ volunteer }: { volunteer: OneVolunteer }) {
  const me = useMe();
  const { machine } = volunteer;
  return (
    <div className="page">
      <div className="stack">
        <nav aria-label={t("workflow.path")}>
          <Link href="/volunteers" className="fine">
            {t("shell.volunteers")}
          </Link>
        </nav>
        <div className="head">
          <h1>{volunteer.name}</h1>
          {may.administer(me) && <Actions volunteer={volunteer} />}
        </div>
        <div className="row">
          <Status status={volunteer.status} />
          <span className="faint">
            {t("volunteers.heard")} <Ago at={volunteer.last_seen} />
          </span>
        </div>
        {volunteer.note && <p className="notice">{volunteer.note}</p>}
      </div>
      <div className="columns">
        <section className="stack">
          <h2>{t("volunteers.now")}</h2>
          <Leases volunteer={volunteer} />
        </section>
        <section className="stack">
          <h2>{t("volunteers.facts")}</h2>
          <dl className="facts">
            <Fact name={t("volunteers.system")}>
              {machine.os} {machine.arch}
            </Fact>
            <Fact name="Python">{machine.python}</Fact>
            <Fact name={t("volunteers.processor")}>{t("volunteers.cores", { cores: machine.cpu })}</Fact>
            <Fact name={t("volunteers.memory_name")}>{size(machine.memory)}</Fact>
            <Fact name={t("volunteers.storage")}>{size(machine.storage)}</Fact>
            <Fact name={t("volunteers.slots")}>{number(volunteer.slots)}</Fact>
            <Fact name={t("volunteers.done")}>{number(volunteer.completed)}</Fact>
            <Fact name={t("volunteers.failed")}>{number(volunteer.failed)}</Fact>
            <Fact name={t("volunteers.reliability")}>
              <Reliability volunteer={volunteer} />
            </Fact>
            <Fact name={t("volunteers.enrolled")}>{moment(volunteer.enrolled_at)}</Fact>
            {volunteer.join_token && (
              <Fact name={t("volunteers.came_with")}>
                <TokenName id={volunteer.join_token} />
              </Fact>
            )}
          </dl>
          <h2>{t("volunteers.sandbox")}</h2>
          <Sandbox machine={machine} />
          <MissingProtections machine={machine} />
        </section>
      </div>
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

/** The name of the join token that a machine came with; only admins may see more than its id. */
function TokenName({ id }: { id: string }) {
  const me = useMe();
  const tokens = useQuery({ ...joinTokensQuery, enabled: may.administer(me) });
  return tokens.data?.find((token) => token.id === id)?.name ?? <code>{id}</code>;
}

function Leases({ volunteer }: { volunteer: OneVolunteer }) {
  const { leases } = volunteer;
  if (volunteer.leased === 0)
    return <p className="faint">{volunteer.status === "ONLINE" ? t("volunteers.idle") : t("volunteers.idle_away")}</p>;
  return (
    <div className="stack">
      <p>
        {volunteer.status === "ONLINE"
          ? t("volunteers.holds", { count: volunteer.leased, slots: volunteer.slots })
          : t("volunteers.holds_away", { count: volunteer.leased })}
      </p>
      {leases.length > 0 && (
        <Scroll label={t("volunteers.now")}>
          <table className="folding">
            <thead>
              <tr>
                <th scope="col">{t("volunteers.subtask")}</th>
                <th scope="col">{t("volunteers.since")}</th>
                <th scope="col">{t("volunteers.until")}</th>
              </tr>
            </thead>
            <tbody>
              {leases.map((lease) => (
                <tr key={`${lease.run_id}/${lease.task}/${lease.index}`}>
                  <th scope="row">
                    <Link href={`/runs/${lease.run_id}`}>
                      {lease.task} {number(lease.index)}
                    </Link>
                  </th>
                  <td data-label={t("volunteers.since")}>
                    <Ago at={lease.since} />
                  </td>
                  <td data-label={t("volunteers.until")}>
                    <Until at={lease.until} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      {leases.length < volunteer.leased && (
        <p className="fine faint">{t("volunteers.not_shown", { count: volunteer.leased - leases.length })}</p>
      )}
    </div>
  );
}

type Asked = "suspend" | "resume" | "retire" | null;

function Actions({ volunteer }: { volunteer: OneVolunteer }) {
  const [asked, ask] = useState<Asked>(null);
  const [note, setNote] = useState("");
  const { id, name, status } = volunteer;
  if (status === "RETIRED") return null;
  const close = () => ask(null);
  const why = (
    <Field label={t("volunteers.note")} hint={t("volunteers.note_hint")}>
      <input value={note} onChange={(event) => setNote(event.target.value)} maxLength={500} autoComplete="off" />
    </Field>
  );
  return (
    <div className="row">
      {status === "SUSPENDED" ? (
        <button type="button" className="primary" onClick={() => ask("resume")}>
          <Icon name="play" />
          {t("volunteers.resume")}
        </button>
      ) : (
        <button type="button" onClick={() => ask("suspend")}>
          <Icon name="pause" />
          {t("volunteers.suspend")}
        </button>
      )}
      <button type="button" className="danger" onClick={() => ask("retire")}>
        {t("volunteers.retire")}
      </button>
      {asked === "suspend" && (
        <Confirm
          title={t("volunteers.suspend_title", { name })}
          action={t("volunteers.suspend")}
          onClose={close}
          onConfirm={() => suspend(id, note).then(() => tell(t("volunteers.suspended", { name })))}
        >
          <div className="stack">
            <p>{t("volunteers.suspend_hint", { name })}</p>
            {why}
          </div>
        </Confirm>
      )}
      {asked === "resume" && (
        <Confirm
          title={t("volunteers.resume_title", { name })}
          action={t("volunteers.resume")}
          onClose={close}
          onConfirm={() => resume(id).then(() => tell(t("volunteers.resumed", { name })))}
        >
          {t("volunteers.resume_hint", { name })}
        </Confirm>
      )}
      {asked === "retire" && (
        <Confirm
          title={t("volunteers.retire_title", { name })}
          action={t("volunteers.retire")}
          name={name}
          danger
          onClose={close}
          onConfirm={() => retire(id, note).then(() => tell(t("volunteers.retired", { name })))}
        >
          <div className="stack">
            <p>{t("volunteers.retire_hint", { name })}</p>
            {why}
          </div>
        </Confirm>
      )}
    </div>
  );
}
