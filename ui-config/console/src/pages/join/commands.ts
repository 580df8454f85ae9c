/** How a machine is joined, by its system. */
export const SYSTEMS = ["linux", "macos", "windows"] as const;
export type System = (typeof SYSTEMS)[number];

/** The system of the browser's machine. Phones and what is not known get Linux's command. */
export function systemOf(userAgent: string): System {
  if (/Windows/.test(userAgent)) return "windows";
  if (/Macintosh|Mac OS X/.test(userAgent) && !/iPhone|iPad/.test(userAgent)) return "macos";
  return "linux";
}

/** One line that fetches the agent and joins. The agent needs Linux or macOS; Windows has a Linux inside (WSL). */
export function commandFor(system: System, service: string, token: string): string {
  const join = `curl -fsSO ${service}/agent.pyz && python3 agent.pyz join ${service} --token ${token}`;
  return system === "windows" ? `wsl bash -c "cd && ${join}"` : join;
}

export const STOP = "Ctrl+C";

/** What takes the agent and all that it keeps off the machine. */
export function removalFor(system: System): string {
  const remove = "rm -rf ~/.njangi-agent agent.pyz";
  return system === "windows" ? `wsl bash -c "cd && ${remove}"` : remove;
}

/** The token of an address, of its fragment, or the token itself: people paste either. */
export function tokenIn(pasted: string): string {
  const text = pasted.trim();
  const fragment = text.split("#")[1];
  return decodeURIComponent(fragment ?? text.split("/").at(-1) ?? "").trim();
}
