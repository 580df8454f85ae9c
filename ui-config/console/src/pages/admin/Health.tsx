import { useQuery } from "@tanstack/react-query";
import { healthQuery } from "../../api/people";
import { ProblemError } from "../../api/problem";
import { t } from "../../text/text";
import { Icon } from "../../ui/Icon";
import { Scroll } from "../../ui/Scroll";
import { Empty, Loading, Problem } from "../../ui/states";

/** Whether everything that the service is made of is there. */
export default function Health() {
  const health = useQuery(healthQuery);
  if (health.isPending) return <Loading />;
  const down = health.isError && health.error instanceof ProblemError && health.error.status === 503;
  if (health.isError && !down) return <Problem error={health.error} again={() => void health.refetch()} />;
  const told = health.isError ? null : health.data;
  const leaders = Object.entries(told?.leaders ?? {});
  return (
    <div className="stack roomy">
      <div className="cards">
        <Part
          name={t("health.service")}
          up
          text={told?.version ? t("health.version", { version: told.version }) : t("health.answers")}
        />
        <Part
          name="MongoDB"
          up={told?.mongodb === "ok"}
          text={told?.mongodb === "ok" ? t("health.mongodb_ok") : t("health.mongodb_away")}
        />
        <Part
          name="Prefect"
          up={told?.prefect === "ok"}
          text={told?.prefect === "ok" ? t("health.prefect_ok") : t("health.prefect_away")}
        />
      </div>
      <section className="stack">
        <h2>{t("health.leaders")}</h2>
        <p className="faint prose">{t("health.leaders_hint")}</p>
        {leaders.length === 0 ? (
          <Empty title={t("health.no_leaders")}>{t("health.no_leaders_hint")}</Empty>
        ) : (
          <Scroll label={t("health.leaders")}>
            <table>
              <thead>
                <tr>
                  <th scope="col">{t("health.office")}</th>
                  <th scope="col">{t("health.replica")}</th>
                </tr>
              </thead>
              <tbody>
                {leaders.map(([office, replica]) => (
                  <tr key={office}>
                    <th scope="row">{office}</th>
                    <td>
                      <code>{replica}</code>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
        )}
      </section>
    </div>
  );
}

function Part({ name, up, text }: { name: string; up: boolean; text: string }) {
  return (
    <article className="card" aria-label={name}>
      <h3>{name}</h3>
      <span className={`status ${up ? "good" : "bad"}`}>
        <Icon name={up ? "check" : "warn"} size={16} />
        {up ? t("health.up") : t("health.down")}
      </span>
      <p className="fine faint">{text}</p>
    </article>
  );
}
