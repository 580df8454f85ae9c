import { queryOptions, useMutation, useQuery } from "@tanstack/react-query";
import { api, carry, data, type Schemas } from "./client";
import { forgetAnswers } from "./kept";
import { ProblemError } from "./problem";
import { queries } from "./queries";

export type Me = Schemas["WholeMe"];
export type Role = Schemas["Role"];

/** Who is signed in; null is nobody. */
export const meQuery = queryOptions({
  queryKey: ["me"],
  queryFn: async (): Promise<Me | null> => {
    try {
      const me = await data(api.GET("/v1/me"));
      carry(me.csrf_token);
      return me;
    } catch (error) {
      if (error instanceof ProblemError && error.status === 401) return null;
      throw error;
    }
  },
  staleTime: 60_000,
});

/** Let writes carry the session token that this browser kept, and ask soon whether that session is still valid. */
export function carryKept(): void {
  const me = queries.getQueryData(meQuery.queryKey);
  if (!me) return;
  carry(me.csrf_token);
  void queries.invalidateQueries({ queryKey: meQuery.queryKey });
}

/** Who is signed in, for what is only shown to people who are. */
export function useMe(): Me {
  const me = useQuery(meQuery).data;
  if (!me) throw new Error("nobody is signed in");
  return me;
}

export interface Credentials {
  name: string;
  password: string;
}

export function useSignIn() {
  return useMutation({
    mutationFn: async (body: Credentials) => {
      const me = await data(api.POST("/v1/session", { body }));
      carry(me.csrf_token);
    },
    onSuccess: () => queries.invalidateQueries(),
  });
}

export function useAcceptInvitation() {
  return useMutation({
    mutationFn: async (body: Schemas["Accept"]) => {
      const me = await data(api.POST("/v1/invitations:accept", { body }));
      carry(me.csrf_token);
    },
    onSuccess: () => queries.invalidateQueries(),
  });
}

export function useSignOut() {
  return useMutation({
    mutationFn: () => api.DELETE("/v1/session"),
    onSuccess: async () => {
      carry(null);
      queries.setQueryData(meQuery.queryKey, null); // first, so that nothing is left that shows answers
      await forgetAnswers();
    },
  });
}

/** What one may do, as api/access/rights.py decides it: the console only hides what would be refused. */
export const may = {
  make: (me: Me) => me.role !== "viewer",
  change: (me: Me, owner: string) => me.role === "admin" || (me.role === "submitter" && me.name === owner),
  administer: (me: Me) => me.role === "admin",
};
