import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, data, type Schemas } from "./client";
import { meQuery, type Role } from "./me";
import { queries } from "./queries";

/** Users, invitations, tokens, quotas, the audit log and the service's health. */
export type Person = Schemas["UserView"];
export type OnePerson = Schemas["OneUserView"];
export type Invitation = Schemas["InvitationView"];
export type Token = Schemas["TokenView"];
export type Entry = Schemas["EntryView"];

export const PEOPLE_ROLES = ["admin", "submitter", "viewer"] as const satisfies readonly Role[];
export type PersonRole = (typeof PEOPLE_ROLES)[number];

const PAGE = 100;

/** By name; a page goes on after the last name of the one before. */
export const peopleQuery = infiniteQueryOptions({
  queryKey: ["users", "list"],
  queryFn: async ({ pageParam, signal }) =>
    (await data(api.GET("/v1/users", { params: { query: { after: pageParam, limit: PAGE } }, signal }))).users ?? [],
  initialPageParam: "",
  getNextPageParam: (page) => (page.length === PAGE ? page.at(-1)?.name : null),
});

export const personQuery = (name: string) =>
  queryOptions({
    queryKey: ["users", "one", name],
    queryFn: ({ signal }) => data(api.GET("/v1/users/{name}", { params: { path: { name } }, signal })),
  });

const changed = (key: string) => queries.invalidateQueries({ queryKey: [key] });

export async function disablePerson(name: string) {
  await api.POST("/v1/users/{name}:disable", { params: { path: { name } } });
  await changed("users");
}

export async function enablePerson(name: string) {
  await api.POST("/v1/users/{name}:enable", { params: { path: { name } } });
  await changed("users");
}

export async function giveRole(name: string, role: Role) {
  await api.PUT("/v1/users/{name}/role", { params: { path: { name } }, body: { role } });
  await changed("users");
}

/** What counts for one person instead of the role's: null lifts a limit, what is left out is as the role's. */
export async function setQuota(name: string, quota: Schemas["OwnQuota"]) {
  await api.PUT("/v1/users/{name}/quota", { params: { path: { name } }, body: quota });
  await changed("users");
}

export const invitationsQuery = queryOptions({
  queryKey: ["invitations"],
  queryFn: async ({ signal }) => (await data(api.GET("/v1/invitations", { signal }))).invitations ?? [],
});

export async function invite(body: Schemas["NewInvitation"]): Promise<Schemas["MadeInvitation"]> {
  const made = await data(api.POST("/v1/invitations", { body }));
  await changed("invitations");
  return made;
}

export async function withdrawInvitation(id: string) {
  await api.DELETE("/v1/invitations/{invitation_id}", { params: { path: { invitation_id: id } } });
  await changed("invitations");
}

/** The address to send to the invited; the code is in the fragment, which no server and no log sees. */
export function welcomeAddress(code: string): string {
  return `${location.origin}/welcome#${encodeURIComponent(code)}`;
}

export const tokensQuery = queryOptions({
  queryKey: ["tokens"],
  queryFn: async ({ signal }) => (await data(api.GET("/v1/tokens", { signal }))).tokens ?? [],
});

export async function makeToken(body: Schemas["NewToken"]): Promise<Schemas["MadeToken"]> {
  const made = await data(api.POST("/v1/tokens", { body }));
  await changed("tokens");
  return made;
}

export async function revokeToken(id: string) {
  await api.DELETE("/v1/tokens/{token_id}", { params: { path: { token_id: id } } });
  await changed("tokens");
}

export async function changePassword(body: Schemas["NewPassword"]) {
  await api.POST("/v1/me:password", { body });
  await queries.invalidateQueries({ queryKey: meQuery.queryKey });
}

export interface AuditFilter {
  who?: string;
  action?: string;
  on?: string;
  since?: string;
  until?: string;
}

export const auditQuery = (filter: AuditFilter) =>
  infiniteQueryOptions({
    queryKey: ["audit", filter],
    queryFn: ({ pageParam, signal }) =>
      data(api.GET("/v1/audit", { params: { query: { ...filter, limit: 50, page_token: pageParam } }, signal })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_page_token,
    meta: { kept: false },
  });

export const healthQuery = queryOptions({
  queryKey: ["health"],
  queryFn: ({ signal }) => data(api.GET("/readyz", { signal })),
  refetchInterval: 10_000,
  retry: false,
  meta: { kept: false },
});
