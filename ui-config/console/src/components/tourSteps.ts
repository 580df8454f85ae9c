import type { Key } from "../text/text";

export interface Step {
  /** What is pointed at; a step without it on the page is left out. */
  target: string;
  title: Key;
  text: Key;
}

export const STEPS: readonly Step[] = [
  { target: '.bar nav a[href="/workflows"]', title: "shell.workflows", text: "tour.workflows" },
  { target: "#templates", title: "tour.templates_title", text: "tour.templates" },
  { target: '.bar nav a[href="/runs"]', title: "shell.runs", text: "tour.runs" },
  { target: '.bar nav a[href="/volunteers"]', title: "shell.volunteers", text: "tour.volunteers" },
  { target: ".bar .row [popovertarget]", title: "shell.account", text: "tour.account" },
  { target: '.bar a[href="/help"]', title: "shell.help", text: "tour.help" },
];

const REMEMBERED = "njangi.tour";

/** Whether somebody has been shown around in this browser, or did not want to be. */
export function toured(): boolean {
  return localStorage.getItem(REMEMBERED) !== null;
}

export function rememberTour(): void {
  localStorage.setItem(REMEMBERED, "done");
}

export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

const GAP = 12; // CSS pixels

/** Where a window of this size stands beside what it points at: below if there is room, else above, always in view. */
export function beside(
  target: Box,
  size: { width: number; height: number },
  view: { width: number; height: number },
): { left: number; top: number } {
  const middle = (target.left + target.right) / 2 - size.width / 2;
  const left = Math.max(GAP, Math.min(middle, view.width - size.width - GAP));
  const below = target.bottom + GAP;
  const above = target.top - GAP - size.height;
  const top =
    below + size.height <= view.height - GAP
      ? below
      : above >= GAP
        ? above
        : Math.max(GAP, view.height - size.height - GAP);
  return { left, top };
}
