/** Make the worker keep the console for times without network: what this page has loaded and what it loads later. */
export async function keepConsole(): Promise<void> {
  const { serviceWorker } = navigator;
  const kept = serviceWorker.controller !== null;
  await serviceWorker.register("/worker.js");
  if (kept) return;
  const { active } = await serviceWorker.ready;
  if (serviceWorker.controller === null) {
    await new Promise((resolve) => serviceWorker.addEventListener("controllerchange", resolve, { once: true }));
  }
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  active?.postMessage(loaded.filter((address) => new URL(address).pathname.startsWith("/assets/")));
}
