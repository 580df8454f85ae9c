import { expect, test } from "vitest";
import { limitsOf, quotaOf } from "./quota";

test("what was set is shown and comes back the same", () => {
  const quota = { runs: 10, leased: null, stored_bytes: 2_500_000_000 };
  const limits = limitsOf(quota);
  expect(limits.runs).toEqual({ way: "own", amount: "10" });
  expect(limits.stored_bytes).toEqual({ way: "own", amount: "2.5" });
  expect(limits.workflows.way).toBe("role");
  expect(quotaOf(limits)).toEqual(quota);
});

test.each(["", "many", "-1", "1.5"])("'%s' is no number of runs", (amount) => {
  expect(quotaOf({ ...limitsOf({}), runs: { way: "own", amount } })).toBeNull();
});

test("all as the role says goes back to the role", () => {
  expect(quotaOf(limitsOf({}))).toEqual({});
});
