import { queryOptions } from "@tanstack/react-query";
import { api, data, type Schemas } from "./client";
import { queries } from "./queries";

export type Webhook = Schemas["WebhookView"];
export type Delivery = Schemas["DeliveryView"];
export type WebhookRequest = Schemas["WebhookRequest"];

/** What is offered to be told of; `*` stands for anything. */
export const EVENT_TYPES = [
  "run.completed",
  "run.failed",
  "run.*",
  "task.*",
  "workflow.*",
  "schedule.*",
  "volunteer.*",
  "*",
] as const;

/** One's own; an admin's are all. */
export const webhooksQuery = queryOptions({
  queryKey: ["webhooks", "list"],
  queryFn: async ({ signal }) => (await data(api.GET("/v1/webhooks", { signal }))).webhooks ?? [],
});

export const deliveriesQuery = (id: string) =>
  queryOptions({
    queryKey: ["webhooks", "deliveries", id],
    queryFn: async ({ signal }) =>
      (await data(api.GET("/v1/webhooks/{webhook_id}/deliveries", { params: { path: { webhook_id: id } }, signal })))
        .deliveries ?? [],
    refetchInterval: 10_000,
    meta: { kept: false },
  });

const changed = () => queries.invalidateQueries({ queryKey: ["webhooks"] });
const at = (id: string) => ({ path: { webhook_id: id } });

/** The answer has the secret, shown this once. */
export async function createWebhook(body: WebhookRequest): Promise<Schemas["NewWebhookView"]> {
  const made = await data(api.POST("/v1/webhooks", { body }));
  await changed();
  return made;
}

export async function deleteWebhook(id: string) {
  await api.DELETE("/v1/webhooks/{webhook_id}", { params: at(id) });
  await changed();
}

export async function enableWebhook(id: string) {
  await api.POST("/v1/webhooks/{webhook_id}:enable", { params: at(id) });
  await changed();
}

export async function disableWebhook(id: string) {
  await api.POST("/v1/webhooks/{webhook_id}:disable", { params: at(id) });
  await changed();
}

export async function testWebhook(id: string) {
  await api.POST("/v1/webhooks/{webhook_id}:test", { params: at(id) });
  await changed();
}

export async function redeliver(id: string, delivery: string) {
  await api.POST("/v1/webhooks/{webhook_id}:redeliver", { params: at(id), body: { delivery } });
  await changed();
}
