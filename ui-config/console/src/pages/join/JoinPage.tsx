import "./join.css";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useEffect, useState } from "react";
import { Link } from "wouter";
import { type Looked, lookQuery } from "../../api/joining";
import { ProblemError } from "../../api/problem";
import { Choices } from "../../components/Choices";
import { moment, number } from "../../text/format";
import { type Language, t } from "../../text/text";
import { Ago } from "../../ui/Ago";
import { Copyable } from "../../ui/Copy";
import { Field } from "../../ui/Field";
import { Icon, type IconName } from "../../ui/Icon";
import { Status } from "../../ui/Status";
import { inWords, Loading, Problem } from "../../ui/states";
import { useTitle } from "../../ui/useTitle";
import { commandFor, removalFor, STOP, SYSTEMS, systemOf, tokenIn } from "./commands";

/**
 * For somebody who lends a machine: /join#TOKEN. Nobody needs to be signed in; the token is in the fragment, which no
 * server and no log sees.
 */
export default function JoinPage({ onLanguage }: { onLanguage: (to: Language) => void }) {
  const [token, setToken] = useState(() => tokenIn(location.hash));
  useTitle(t("join.title"));
  useEffect(() => {
    const moved = () => setToken(tokenIn(location.hash));
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  return (
    <main className="join">
      <header className="stack center">
        <img src="/icon.svg" alt="" width="56" height="56" />
        <h1>{t("join.title")}</h1>
        <p className="lead">{t("join.lead")}</p>
      </header>
      {token ? (
        <Offer token={token} />
      ) : (
        <>
          <NoToken onToken={setToken} />
          <Promises />
        </>
      )}
      <footer className="center stack">
        <Choices onLanguage={onLanguage} />
        <p className="fine">
          <Link href="/">{t("join.sign_in")}</Link>
        </p>
      </footer>
    </main>
  );
}

function NoToken({ onToken }: { onToken: (token: string) => void }) {
  const [pasted, setPasted] = useState("");
  function submit(event: FormEvent) {
    event.preventDefault();
    const token = tokenIn(pasted);
    if (token === "") return;
    history.replaceState(null, "", `#${encodeURIComponent(token)}`);
    onToken(token);
  }
  return (
    <section className="card stack">
      <h2>{t("join.no_token")}</h2>
      <p>{t("join.no_token_hint")}</p>
      <form className="stack" onSubmit={submit}>
        <Field label={t("join.paste")}>
          <input
            value={pasted}
            onChange={(event) => setPasted(event.target.value)}
            autoComplete="off"
            spellCheck={false}
          />
        </Field>
        <div>
          <button type="submit" className="primary" disabled={pasted.trim() === ""}>
            {t("join.go_on")}
          </button>
        </div>
      </form>
    </section>
  );
}

function Offer({ token }: { token: string }) {
  const looked = useQuery(lookQuery(token));
  if (looked.data)
    return (
      <>
        <Welcome looked={looked.data} token={token} />
        <Promises />
      </>
    );
  if (!looked.isError) return <Loading />;
  const gone = looked.error instanceof ProblemError && (looked.error.status === 404 || looked.error.status === 422);
  if (!gone) return <Problem error={looked.error} again={() => void looked.refetch()} />;
  return (
    <section className="problem" role="alert">
      <h2>{t("join.gone")}</h2>
      <p>{t("join.gone_hint")}</p>
      <p className="fine faint">{inWords(looked.error)}</p>
    </section>
  );
}

function Welcome({ looked, token }: { looked: Looked; token: string }) {
  const { service, volunteers } = looked;
  return (
    <>
      <section className="card stack">
        <h2>{service.name || t("join.service", { host: location.host })}</h2>
        {service.purpose && <p>{service.purpose}</p>}
        <dl className="facts">
          <dt>{t("join.asks")}</dt>
          <dd>{looked.by}</dd>
          <dt>{t("join.token")}</dt>
          <dd>{looked.name}</dd>
          <dt>{t("join.left")}</dt>
          <dd>{t("join.left_machines", { left: looked.left })}</dd>
          <dt>{t("join.expires")}</dt>
          <dd>{moment(looked.expires_at)}</dd>
        </dl>
      </section>
      {looked.left > 0 && <Commands token={token} />}
      <section className="card stack" aria-live="polite">
        <h2>{t("join.arrived")}</h2>
        {volunteers.length === 0 ? (
          <p className="row waiting">
            <span className="pulse" aria-hidden="true" />
            {t("join.waiting")}
          </p>
        ) : (
          <>
            <p className="lead">
              {t("join.thanks", { done: volunteers.reduce((sum, each) => sum + each.completed, 0) })}
            </p>
            <ul className="newcomers">
              {volunteers.map((each) => (
                <li key={each.id} className="row">
                  <strong>{each.name}</strong>
                  <Status status={each.status} />
                  <span className="faint">{t("join.done", { count: each.completed })}</span>
                  <span className="fine faint">
                    {t("join.came")} <Ago at={each.enrolled_at} />
                  </span>
                </li>
              ))}
            </ul>
            {looked.left > 0 && <p className="fine faint">{t("join.more", { left: number(looked.left) })}</p>}
          </>
        )}
      </section>
    </>
  );
}

function Commands({ token }: { token: string }) {
  const [system, setSystem] = useState(() => systemOf(navigator.userAgent));
  return (
    <section className="card stack">
      <h2>{t("join.how")}</h2>
      <div className="row" role="group" aria-label={t("join.system")}>
        {SYSTEMS.map((each) => (
          <button
            key={each}
            type="button"
            className="choice"
            aria-pressed={each === system}
            onClick={() => setSystem(each)}
          >
            {t(`join.on_${each}`)}
          </button>
        ))}
      </div>
      <ol className="steps">
        <li>{t(`join.open_${system}`)}</li>
        <li>
          <p>{t("join.paste_command")}</p>
          <Copyable text={commandFor(system, location.origin, token)} label={t("join.copy")} />
        </li>
        <li>{t("join.leave_open")}</li>
      </ol>
      <p className="fine faint">{t(`join.needs_${system}`)}</p>
      <details>
        <summary>{t("join.stop_title")}</summary>
        <div className="stack">
          <p>{t("join.stop", { keys: STOP })}</p>
          <p>{t("join.again")}</p>
          <p>{t("join.remove")}</p>
          <Copyable text={removalFor(system)} label={t("join.copy")} />
        </div>
      </details>
    </section>
  );
}

/** What a machine gives and what it does not. */
function Promises() {
  return (
    <section className="promises">
      <Pledge icon="check" title={t("join.may")}>
        <li>{t("join.may_compute")}</li>
        <li>{t("join.may_space")}</li>
        <li>{t("join.may_network")}</li>
      </Pledge>
      <Pledge icon="cross" title={t("join.may_not")}>
        <li>{t("join.not_files")}</li>
        <li>{t("join.not_internet")}</li>
        <li>{t("join.not_alone")}</li>
        <li>{t("join.not_identity")}</li>
      </Pledge>
      <Pledge icon="help" title={t("join.good_to_know")}>
        <li>{t("join.know_slow")}</li>
        <li>{t("join.know_sandbox")}</li>
      </Pledge>
    </section>
  );
}

function Pledge({ icon, title, children }: { icon: IconName; title: string; children: ReactNode }) {
  return (
    <div className="card">
      <h2 className="row">
        <Icon name={icon} />
        {title}
      </h2>
      <ul>{children}</ul>
    </div>
  );
}
