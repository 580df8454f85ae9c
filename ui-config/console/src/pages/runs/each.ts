export interface Failure<Item> {
  item: Item;
  error: unknown;
}

/** Do something for each item, at most `most` at once; what failed is told, and keeps nothing else from being done. */
export async function each<Item>(
  items: readonly Item[],
  most: number,
  act: (item: Item) => Promise<unknown>,
): Promise<Failure<Item>[]> {
  const failures: Failure<Item>[] = [];
  const left = items.values();
  async function work() {
    for (const item of left) {
      try {
        await act(item);
      } catch (error) {
        failures.push({ item, error });
      }
    }
  }
  await Promise.all(Array.from({ length: most }, work));
  return failures;
}
