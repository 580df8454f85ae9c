const PATHS = {
  add: "M8 3v10M3 8h10",
  archive: "M2 3h12v3H2zM3 6v7h10V6M6.5 9h3",
  back: "M10 3 5 8l5 5",
  check: "M3 8.5 6.5 12 13 4.5",
  close: "M4 4l8 8M12 4l-8 8",
  copy: "M5 5h8v8H5zM3 11V3h8",
  cross: "M4.5 4.5l7 7M11.5 4.5l-7 7",
  dash: "M4 8h8",
  dot: "M8 5.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z",
  down: "M4 6l4 4 4-4",
  download: "M8 2v8M4.5 7 8 10.5 11.5 7M3 13.5h10",
  edit: "M3 13l.7-3L11 2.7 13.3 5 6 12.3z",
  external: "M9 3h4v4M13 3 7.5 8.5M11 9v4H3V5h4",
  file: "M4 2h5l3 3v9H4zM9 2v3h3",
  fit: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
  help: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM6.2 6.2c.2-2 3.6-2 3.6 0C9.8 7.5 8 7.6 8 9.2M8 11.4v.3",
  home: "M2 8l6-5.5L14 8M4 7v6.5h8V7",
  language: "M2 4h7M5.5 2.5V4M8 4c-.7 3-3 5-5.5 6M3.5 6c1 2 3 3.5 5 4M8 14l3-7.5L14 14M9 11.5h4",
  machine: "M2.5 3h11v7.5h-11zM1 13h14",
  menu: "M2 4h12M2 8h12M2 12h12",
  moon: "M13 9.5A5.5 5.5 0 0 1 6.5 3a5.5 5.5 0 1 0 6.5 6.5z",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  pause: "M5.5 3v10M10.5 3v10",
  people:
    "M6 7.5a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4z" +
    "M1.5 13c0-5 9-5 9 0M11 7.5a2 2 0 1 0-.6-3.9M12 9.6c1.6.4 2.5 1.6 2.5 3.4",
  play: "M5 3l8 5-8 5z",
  redo: "M11 3l2.5 2.5L11 8M13.5 5.5H6a3.5 3.5 0 0 0 0 7h3",
  refresh: "M13 8a5 5 0 1 1-1.5-3.6M12 2v3H9",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.5 10.5 14 14",
  signal:
    "M8 9.2a1.2 1.2 0 1 0 0-2.4 1.2 1.2 0 0 0 0 2.4z" +
    "M5 11a4.2 4.2 0 0 1 0-6M11 5a4.2 4.2 0 0 1 0 6M3 13A7 7 0 0 1 3 3M13 3a7 7 0 0 1 0 10",
  split: "M2 8h3M5 8l4-5h5M5 8h9M5 8l4 5h5",
  stop: "M4 4h8v8H4z",
  sun:
    "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6z" +
    "M8 1v2M8 13v2M1 8h2M13 8h2M3 3l1.5 1.5M11.5 11.5 13 13M13 3l-1.5 1.5M4.5 11.5 3 13",
  trash: "M2.5 4h11M6 4V2.5h4V4M4 4l.7 9.5h6.6L12 4",
  undo: "M5 3 2.5 5.5 5 8M2.5 5.5H10a3.5 3.5 0 0 1 0 7H7",
  wait: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM8 4.5V8l2.5 2",
  warn: "M8 2 15 14H1zM8 6.5v3.5M8 12v.3",
  workflow: "M2 3h4v3H2zM10 3h4v3h-4zM6 10.5h4v3H6zM4 6v2h8V6M8 8v2.5",
} as const;

export type IconName = keyof typeof PATHS;

/** Says nothing to a screen reader: what it means stands beside it as a text or in an aria-label. */
export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
