import { useEffect, useState } from "react";
import { packed } from "./grid/paint";

/** Rises when the page's colours change: when the theme is chosen, or the system goes light or dark. */
export function useColorChange(): number {
  const [count, setCount] = useState(0);
  useEffect(() => {
    const changed = () => setCount((before) => before + 1);
    const system = matchMedia("(prefers-color-scheme: dark)");
    system.addEventListener("change", changed);
    const chosen = new MutationObserver(changed);
    chosen.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => {
      system.removeEventListener("change", changed);
      chosen.disconnect();
    };
  }, []);
  return count;
}

/** What the custom properties of these names are now, as a canvas takes them. */
export function colorsOf(within: HTMLElement, names: readonly string[]): string[] {
  const probe = within.appendChild(document.createElement("span"));
  probe.style.setProperty("transition", "none", "important"); // or, with reduced motion, it is still the colour before
  const found = names.map((name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  });
  probe.remove();
  return found;
}

/** "rgb(1, 2, 3)" as pixels lie in memory. */
export function pixelOf(color: string): number {
  const [red = 0, green = 0, blue = 0] = (color.match(/[\d.]+/g) ?? []).map(Number);
  return packed(red, green, blue);
}
