import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { may, useMe } from "../../api/me";
import {
  deleteWebhook,
  deliveriesQuery,
  disableWebhook,
  enableWebhook,
  redeliver,
  testWebhook,
  type Webhook,
  webhooksQuery,
} from "../../api/webhooks";
import { t } from "../../text/text";
import { Ago } from "../../ui/Ago";
import { Confirm } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import { Menu } from "../../ui/Menu";
import { Scroll } from "../../ui/Scroll";
import { Empty, Loading, Problem } from "../../ui/states";
import { tell } from "../../ui/toasts";
import { useAttempt } from "../../ui/useAttempt";
import { WebhookDialog } from "./WebhookDialog";

/** Other systems that are told of what happens, and whether the messages arrive. */
export default function Webhooks() {
  const me = useMe();
  const webhooks = useQuery(webhooksQuery);
  const [making, setMaking] = useState(false);
  if (!webhooks.data)
    return webhooks.isError ? <Problem error={webhooks.error} again={() => void webhooks.refetch()} /> : <Loading />;
  const add = may.make(me) && (
    <button type="button" className="primary" onClick={() => setMaking(true)}>
      <Icon name="add" />
      {t("webhooks.new")}
    </button>
  );
  return (
    <div className="stack roomy">
      {webhooks.data.length === 0 ? (
        <Empty title={t("webhooks.none")} action={add || undefined}>
          {t("webhooks.none_hint")}
        </Empty>
      ) : (
        <>
          {add && <div className="row">{add}</div>}
          {webhooks.data.map((webhook) => (
            <OneWebhook key={webhook.id} webhook={webhook} />
          ))}
        </>
      )}
      {making && <WebhookDialog onClose={() => setMaking(false)} />}
    </div>
  );
}

function OneWebhook({ webhook }: { webhook: Webhook }) {
  const me = useMe();
  const [open, setOpen] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const { error, attempt } = useAttempt();
  const active = webhook.status === "ACTIVE";
  const name = webhook.description || webhook.url;
  return (
    <article className="card" aria-label={name}>
      <div className="head">
        <h2>{name}</h2>
        {may.change(me, webhook.owner) && (
          <Menu
            className="plain"
            label={
              <>
                <Icon name="more" size={20} />
                <span className="hidden">{t("people.menu", { name })}</span>
              </>
            }
          >
            <button
              type="button"
              onClick={() =>
                void attempt(() => testWebhook(webhook.id).then(() => (setOpen(true), tell(t("webhooks.tested")))))
              }
            >
              <Icon name="signal" />
              {t("webhooks.test")}
            </button>
            <button
              type="button"
              onClick={() => void attempt(() => (active ? disableWebhook(webhook.id) : enableWebhook(webhook.id)))}
            >
              <Icon name={active ? "pause" : "play"} />
              {active ? t("webhooks.disable") : t("webhooks.enable")}
            </button>
            <button type="button" onClick={() => setDeleting(true)}>
              <Icon name="trash" />
              {t("webhooks.delete")}
            </button>
          </Menu>
        )}
      </div>
      {webhook.description && <code>{webhook.url}</code>}
      <span className={`status ${active ? "good" : "warn"}`}>
        <Icon name={active ? "check" : "pause"} size={14} />
        {active ? t("webhooks.active") : t("webhooks.disabled")}
      </span>
      {webhook.reason && <p className="fine">{webhook.reason}</p>}
      {webhook.failing_since && (
        <p className="notice fine">
          {t("webhooks.failing")} <Ago at={webhook.failing_since} />
        </p>
      )}
      <p className="tags">
        {webhook.types.map((type) => (
          <span key={type} className="tag mono">
            {type}
          </span>
        ))}
      </p>
      {webhook.owner !== me.name && (
        <p className="fine faint">
          {t("workflows.owner")}: {webhook.owner}
        </p>
      )}
      {error !== null && <Problem error={error} />}
      <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>{t("webhooks.deliveries")}</summary>
        {open && <Deliveries webhook={webhook} />}
      </details>
      {deleting && (
        <Confirm
          title={t("webhooks.delete_title", { name })}
          action={t("webhooks.delete")}
          danger
          onClose={() => setDeleting(false)}
          onConfirm={() => deleteWebhook(webhook.id).then(() => tell(t("webhooks.deleted")))}
        >
          {t("webhooks.delete_hint", { name })}
        </Confirm>
      )}
    </article>
  );
}

const STATES = { WAITING: ["busy", "wait"], DELIVERED: ["good", "check"], FAILED: ["bad", "cross"] } as const;

function Deliveries({ webhook }: { webhook: Webhook }) {
  const found = useQuery(deliveriesQuery(webhook.id));
  const { error, attempt } = useAttempt();
  if (!found.data)
    return found.isError ? <Problem error={found.error} again={() => void found.refetch()} /> : <Loading />;
  if (found.data.length === 0) return <p className="faint">{t("webhooks.no_deliveries")}</p>;
  return (
    <div className="stack">
      {error !== null && <Problem error={error} />}
      <Scroll label={t("webhooks.deliveries")}>
        <table className="folding">
          <thead>
            <tr>
              <th scope="col">{t("webhooks.message")}</th>
              <th scope="col">{t("people.state")}</th>
              <th scope="col">{t("webhooks.when")}</th>
              <th scope="col">{t("webhooks.tries")}</th>
              <th scope="col">
                <span className="hidden">{t("workflows.actions")}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {found.data.map((delivery) => {
              const [tone, icon] = STATES[delivery.state as keyof typeof STATES] ?? STATES.WAITING;
              const last = delivery.tries.at(-1);
              return (
                <tr key={delivery.id}>
                  <th scope="row">
                    <code>{delivery.type}</code>
                  </th>
                  <td data-label={t("people.state")}>
                    <span className={`status ${tone}`}>
                      <Icon name={icon} size={14} />
                      {t(`delivery.${delivery.state as keyof typeof STATES}`)}
                    </span>
                  </td>
                  <td data-label={t("webhooks.when")}>
                    <Ago at={delivery.created_at} />
                  </td>
                  <td data-label={t("webhooks.tries")}>
                    {t("webhooks.tried", { count: delivery.tried })}
                    {last && (
                      <div className="fine faint">
                        {last.error ?? t("webhooks.answered", { status: last.status ?? 0 })}
                      </div>
                    )}
                  </td>
                  <td className="end">
                    {delivery.state !== "WAITING" && (
                      <button
                        type="button"
                        className="small"
                        onClick={() => void attempt(() => redeliver(webhook.id, delivery.id))}
                      >
                        {t("webhooks.redeliver")}
                      </button>
                    )}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scroll>
    </div>
  );
}
