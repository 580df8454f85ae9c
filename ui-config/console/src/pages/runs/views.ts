/** Searches that were given a name, kept in this browser. */

export interface View {
  name: string;
  /** As filter.ts: plain makes it. */
  search: string;
}

const KEPT = "njangi.runs.views";
const MOST = 50;

export function views(): View[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEPT) ?? "[]");
    return Array.isArray(found) ? found.filter(isView) : [];
  } catch {
    return [];
  }
}

function isView(item: unknown): item is View {
  const view = item as Partial<View> | null;
  return typeof view?.name === "string" && typeof view.search === "string";
}

/** Keep a view; another one of that name goes. */
export function keep(view: View): View[] {
  return put([...views().filter(({ name }) => name !== view.name), view].slice(-MOST));
}

export function forget(name: string): View[] {
  return put(views().filter((view) => view.name !== name));
}

function put(next: View[]): View[] {
  localStorage.setItem(KEPT, JSON.stringify(next.toSorted((a, b) => a.name.localeCompare(b.name))));
  return views();
}
