import { expect, test } from "vitest";
import { changed, groupsOf, plain, read, toggled } from "./filter";

const of = (text: string) => new URLSearchParams(text);

test("an address says which runs are asked for", () => {
  expect(read(of("q= pi &owner=ada&tag=x&workflow_id=w1&status=FAILED,CANCELLED"))).toEqual({
    q: "pi",
    owner: "ada",
    tag: "x",
    workflow_id: "w1",
    status: ["FAILED", "CANCELLED"],
  });
});

test("what is not understood is left out", () => {
  expect(read(of("status=NONE&since=yesterday&owner=&page=3"))).toEqual({});
});

test("days are whole days where the reader is", () => {
  const { created_since, created_until } = read(of("since=2026-11-01&until=2026-11-02"));
  expect(new Date(created_since!).getTime()).toBe(new Date(2026, 10, 1).getTime());
  expect(new Date(created_until!).getTime()).toBe(new Date(2026, 10, 3).getTime());
});

test("groups of states are put in and taken out again", () => {
  const once = toggled(of("q=pi"), "failed");
  expect(once.toString()).toBe("q=pi&status=FAILED");
  const twice = toggled(once, "going");
  expect(groupsOf(read(twice))).toEqual(new Set(["going", "failed"]));
  expect(toggled(toggled(twice, "going"), "failed").toString()).toBe("q=pi");
});

test("the same view is the same text", () => {
  expect(plain(of("tag=b&q=a&page=9"))).toBe(plain(changed(of("q=a"), "tag", "b")));
});
