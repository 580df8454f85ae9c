import { readFileSync } from "node:fs";
import { join } from "node:path";
import { i18n } from "@lingui/core";
import { compileMessage } from "@lingui/message-utils/compileMessage";
import { beforeEach, describe, expect, test } from "vitest";
import { ProblemError } from "../api/problem";
import { reasonOf } from "../components/eta";
import { problems } from "../pages/editor/problems";
import { read } from "../pages/editor/model";
import { endingSaid, failureSaid, languageOf, problemSaid, refusalSaid } from "./said";

function speak(language: "en" | "fr") {
  const texts: Record<string, string> = JSON.parse(
    readFileSync(join(import.meta.dirname, `../../../locales/${language}.json`), "utf8"),
  );
  i18n.load(language, Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, compileMessage(text)])));
  i18n.activate(language);
}

function refused(status: number, body: Record<string, unknown>): ProblemError {
  return new ProblemError(status, { type: "urn:njangi:refused", title: "Refused", status, ...body }, new Headers());
}

describe("in French", () => {
  beforeEach(() => speak("fr"));

  test("a problem is told by its code, with its values", () => {
    expect(
      problemSaid({ detail: "there is no task 'a'", code: "no-task", values: { name: "a", known: ["b", "c"] } }),
    ).toBe("il n’y a pas de tâche « a » ; les tâches d’ici : b, c");
    expect(
      problemSaid({ detail: "must be a list, not an object", code: "list-type", values: { given: "an object" } }),
    ).toBe("doit être une liste, et non un objet");
    expect(problemSaid({ detail: "", code: "names-nothing", values: { name: "x", known: [] } })).toBe(
      "{x} ne désigne rien",
    );
  });

  test("what was meant, perhaps, is told instead of all that there is", () => {
    const said = problemSaid({
      detail: "",
      code: "no-task",
      values: { name: "fator", known: ["factor", "report"], near: "factor" },
    });
    expect(said).toBe("il n’y a pas de tâche « fator » ; vouliez-vous dire « factor » ?");
  });

  test("numbers are written as in French", () => {
    expect(problemSaid({ detail: "", code: "range-size", values: { limit: 1000000, count: 2000000 } })).toMatch(
      /1.000.000 nombres, et non 2.000.000/u,
    );
  });

  test("a text of no known code is told as the service tells it, and as English", () => {
    const told = { detail: "the moon is full", code: "moon", values: { phase: 1 } };
    expect(problemSaid(told)).toBe("the moon is full");
    expect(problemSaid({ detail: "no code" })).toBe("no code");
    expect(languageOf(problemSaid(told), told.detail)).toBe("en");
    expect(languageOf("la lune est pleine", told.detail)).toBeUndefined();
  });

  test("a refusal is told by its code, bytes as sizes", () => {
    expect(
      refusalSaid(
        refused(403, {
          detail: "the quota ...",
          code: "quota-exceeded",
          values: { quota: "stored_bytes", used: 2e9, allowed: 3e9 },
        }),
      ),
    ).toMatch(/^Le quota est épuisé pour les fichiers gardés : 2\D+ sur 3\D+\.$/);
    expect(
      refusalSaid(
        refused(404, { detail: "there is no run 'r1'", code: "not-found", values: { noun: "run", id: "r1" } }),
      ),
    ).toBe("Il n’y a pas d’exécution « r1 ».");
    expect(refusalSaid(refused(409, { detail: "something came between" }))).toBe("something came between");
  });

  test("why a run failed is told in the service's sentence, with the program's own words as they are", () => {
    const error = "task 'draw': 3 of 10 subtasks failed; the first is r1.draw.4: ValueError: no such colour";
    const values = { task: "draw", failed: 3, total: 10, subtask: "r1.draw.4", error: "ValueError: no such colour" };
    expect(endingSaid({ error, error_told: { code: "subtasks-failed-first", values } })).toBe(
      "Tâche draw : 3 sous-tâches sur 10 en échec ; la première est r1.draw.4 : ValueError: no such colour",
    );
    expect(endingSaid({ error: "Flow run crashed", error_told: null })).toBe("Flow run crashed");
    expect(failureSaid("TimedOut")).toBe("une tentative a duré trop longtemps");
    expect(failureSaid("ValueError")).toBeNull();
  });

  test("what a forecast rests on is told with what there is of it", () => {
    const values = { left: 12, slots: 4, seen: 30 };
    const all = reasonOf({ reason: "", code: "work", values: { ...values, fewest: 2, unlike: "report" } });
    expect(all).toContain("12 sous-tâches restantes");
    expect(all).toContain("les 2 places");
    expect(all).toContain("Aucune sous-tâche de report");
    expect(reasonOf({ reason: "", code: "work", values })).not.toContain("Au plus tard");
    expect(reasonOf({ reason: "because", code: "tomorrow", values: {} })).toBe("because");
  });

  test("what keeps YAML from being read is told in French as well", () => {
    const [problem] = problems(read("name: [x\ntasks: 3\n"), []);
    expect(problem?.detail).not.toMatch(/must|end|with|Flow/);
    const [twice] = problems(read("name: x\nname: y\n"), []);
    expect(twice?.detail).toContain("donnée deux fois");
  });
});
