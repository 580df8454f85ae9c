import { expect, test } from "vitest";
import { commandFor, systemOf, tokenIn } from "./commands";

test.each([
  ["Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "windows"],
  ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)", "macos"],
  ["Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)", "linux"],
  ["Mozilla/5.0 (X11; Linux x86_64)", "linux"],
])("%s is %s", (agent, system) => {
  expect(systemOf(agent)).toBe(system);
});

test("one line fetches the agent and joins", () => {
  expect(commandFor("linux", "https://njangi.example.org", "join.abc")).toBe(
    "curl -fsSO https://njangi.example.org/agent.pyz && " +
      "python3 agent.pyz join https://njangi.example.org --token join.abc",
  );
  expect(commandFor("windows", "https://x.org", "T")).toBe(
    'wsl bash -c "cd && curl -fsSO https://x.org/agent.pyz && python3 agent.pyz join https://x.org --token T"',
  );
});

test.each(["T.1_a", " https://x.org/join#T.1_a ", "https://x.org/join#T%2E1_a"])(
  "the token is found in '%s'",
  (pasted) => {
    expect(tokenIn(pasted)).toBe("T.1_a");
  },
);
