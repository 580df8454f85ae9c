import { useEffect, useEffectEvent, useState } from "react";

const PAUSE = 300; // ms

interface Props {
  label: string;
  value: string;
  onChange: (value: string) => void;
}

/** A field that searches as one types, after a short pause. */
export function SearchBox({ label, value, onChange }: Props) {
  const [typed, setTyped] = useState(value);
  const tell = useEffectEvent(onChange);
  useEffect(() => setTyped(value), [value]);
  useEffect(() => {
    if (typed === value) return;
    const timer = setTimeout(() => tell(typed.trim()), PAUSE);
    return () => clearTimeout(timer);
  }, [typed, value]);
  return (
    <input
      type="search"
      aria-label={label}
      placeholder={label}
      value={typed}
      onChange={(event) => setTyped(event.target.value)}
    />
  );
}
