import { queryOptions } from "@tanstack/react-query";
import { api, data, type Schemas } from "./client";
import { ProblemError } from "./problem";
import { queries } from "./queries";

export type JoinToken = Schemas["JoinTokenView"];
export type MadeJoinToken = Schemas["MadeJoinToken"];

/** What somebody who holds a join token may know. `left`: how many machines it still lets in. */
export type Looked = Schemas["Looked"];

export const joinTokensQuery = queryOptions({
  queryKey: ["join-tokens"],
  queryFn: async ({ signal }) => (await data(api.GET("/v1/join-tokens", { signal }))).join_tokens ?? [],
});

export async function makeJoinToken(body: Schemas["NewJoinToken"]): Promise<MadeJoinToken> {
  const made = await data(api.POST("/v1/join-tokens", { body }));
  await queries.invalidateQueries({ queryKey: joinTokensQuery.queryKey });
  return made;
}

export async function revokeJoinToken(id: string) {
  await api.DELETE("/v1/join-tokens/{token_id}", { params: { path: { token_id: id } } });
  await queries.invalidateQueries({ queryKey: joinTokensQuery.queryKey });
}

const LOOK_EVERY = 3000; // ms

/** What the token is for and which machines came with it; asked again and again while the page is seen. */
export const lookQuery = (token: string) =>
  queryOptions({
    queryKey: ["join", token],
    queryFn: ({ signal }) => data(api.POST("/v1/join-tokens:look", { body: { token }, signal })),
    enabled: token !== "",
    refetchInterval: ({ state }) =>
      state.error instanceof ProblemError && state.error.status === 404 ? false : LOOK_EVERY,
    meta: { kept: false },
  });

/** The address to send to who lends a machine; the token is in the fragment, which no server and no log sees. */
export function joinAddress(token: string): string {
  return `${location.origin}/join#${encodeURIComponent(token)}`;
}
