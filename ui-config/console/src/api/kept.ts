import { createAsyncStoragePersister } from "@tanstack/query-async-storage-persister";
import { type PersistedClient, persistQueryClient } from "@tanstack/react-query-persist-client";
import { createStore, del, get, set } from "idb-keyval";
import { parse, write } from "./exact";
import { queries } from "./queries";

const store = createStore("njangi", "kept");
const storage = {
  getItem: async (key: string) => (await get<string>(key, store)) ?? null,
  setItem: (key: string, value: string) => set(key, value, store),
  removeItem: (key: string) => del(key, store),
};
const persister = createAsyncStoragePersister({
  storage,
  throttleTime: 3000,
  key: "answers",
  serialize: written,
  deserialize: (text) => parse(text) as PersistedClient,
});

/** What could not be asked anew, as everything without a network, is kept as the answer that it was. */
function written(client: PersistedClient): string {
  const queries = client.clientState.queries.map((query) => ({
    ...query,
    state: { ...query.state, status: "success" as const, error: null, fetchFailureCount: 0, fetchFailureReason: null },
  }));
  return write({ ...client, clientState: { ...client.clientState, queries } });
}

/**
 * Keep answers in the browser for a day, for reading without a network. What comes back from there is shown, but never
 * taken for what is so now: whatever is in view is asked for anew. Forgotten at sign-out.
 */
export async function keepAnswers(): Promise<void> {
  const [, restored] = persistQueryClient({
    queryClient: queries,
    persister,
    buster: "2", // another one where answers have another form
    dehydrateOptions: {
      shouldDehydrateQuery: (query) => query.state.data !== undefined && query.meta?.kept !== false,
    },
  });
  await restored;
  await queries.invalidateQueries({ refetchType: "none" });
}

/** Forget every answer but that nobody is signed in. */
export async function forgetAnswers(): Promise<void> {
  queries.removeQueries({ predicate: (query) => query.queryKey[0] !== "me" });
  await persister.removeClient();
}
