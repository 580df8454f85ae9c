import { Link } from "wouter";

/** Parts of a page, each with an address of its own. */
export function Tabs({
  label,
  here,
  tabs,
}: {
  label: string;
  here: string;
  tabs: readonly { id: string; text: string; to: string }[];
}) {
  return (
    <nav className="tabs" aria-label={label}>
      {tabs.map((tab) => (
        <Link key={tab.id} href={tab.to} aria-current={tab.id === here ? "page" : undefined}>
          {tab.text}
        </Link>
      ))}
    </nav>
  );
}
