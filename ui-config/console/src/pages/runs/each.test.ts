import { expect, test } from "vitest";
import { each } from "./each";

test("all is done, a few at once, and what failed is told", async () => {
  let [now, most] = [0, 0];
  const done: number[] = [];
  const failures = await each([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    most = Math.max(most, ++now);
    await Promise.resolve();
    now -= 1;
    if (item === 4) throw new Error("four");
    done.push(item);
  });
  expect(done.toSorted()).toEqual([1, 2, 3, 5, 6, 7]);
  expect(most).toBe(3);
  expect(failures.map(({ item }) => item)).toEqual([4]);
});
