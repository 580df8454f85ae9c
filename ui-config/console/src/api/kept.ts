import { createAsyncStoragePersister } from "@tanstack/query-async-storage-persister";
import { persistQueryClient } from "@tanstack/react-query-persist-client";
import { createStore, del, get, set } from "idb-keyval";
import { queries } from "./queries";

const store = createStore("njangi", "kept");
const storage = {
  getItem: async (key: string) => (await get<string>(key, store)) ?? null,
  setItem: (key: string, value: string) => set(key, value, store),
  removeItem: (key: string) => del(key, store),
};
const persister = createAsyncStoragePersister({ storage, throttleTime: 3000, key: "answers" });

/** Keep answers in the browser for a day, for reading without a network. Forgotten at sign-out. */
export function keepAnswers(): Promise<void> {
  const [, restored] = persistQueryClient({
    queryClient: queries,
    persister,
    buster: "1",
    dehydrateOptions: {
      shouldDehydrateQuery: (query) => query.state.status === "success" && query.meta?.kept !== false,
    },
  });
  return restored;
}

/** Forget every answer but that nobody is signed in. */
export async function forgetAnswers(): Promise<void> {
  queries.removeQueries({ predicate: (query) => query.queryKey[0] !== "me" });
  await persister.removeClient();
}
