/** Colors of figures in light and dark mode. Each color has one meaning in all views. */

import type { Theme } from "./view";

/** Okabe and Ito's colors, distinguishable with color blindness: at least 3:1 on both backgrounds. Classes also have marker shapes. */
const CLASSES = ["#0072b2", "#d55e00", "#009e73", "#b8568f", "#a67c00", "#3d8fc4", "#7a4a1e", "#7f7f7f", "#6b6b00", "#8a2d2d"];

export const LIGHT: Theme = {
  dark: false,
  background: "#ffffff",
  surface: "#f4f5f7",
  ink: "#1b1f24",
  faint: "#667080",
  accent: "#2f3b4c",
  classes: CLASSES,
  negative: "#762a83",
  zero: "#f4f5f7",
  positive: "#1b7837",
  curves: ["#2f3b4c", "#8c5a00", "#0b7285", "#9c3667"],
};

export const DARK: Theme = {
  dark: true,
  background: "#111418",
  surface: "#1c2128",
  ink: "#e6e9ee",
  faint: "#9aa4b2",
  accent: "#c9d3e0",
  classes: CLASSES,
  negative: "#c79fd6",
  zero: "#1c2128",
  positive: "#7fc97f",
  curves: ["#c9d3e0", "#d9a441", "#4fb3c4", "#e08bb4"],
};

const prefersDark = matchMedia("(prefers-color-scheme: dark)");
export const prefersReducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

/** The theme of an element: `data-theme` of the closest ancestor that has it, else that of the system. */
export function findTheme(element: Element): Theme {
  const chosen = element.closest("[data-theme]")?.getAttribute("data-theme");
  return (chosen === "dark" || chosen === "light" ? chosen === "dark" : prefersDark.matches) ? DARK : LIGHT;
}

/** Calls back when the theme may have changed; the result stops that. */
export function watchTheme(element: Element, changed: () => void): () => void {
  const observer = new MutationObserver(changed);
  for (let e: Element | null = element; e; e = e.parentElement) observer.observe(e, { attributeFilter: ["data-theme"] });
  prefersDark.addEventListener("change", changed);
  return () => {
    observer.disconnect();
    prefersDark.removeEventListener("change", changed);
  };
}

/** Custom properties for style sheets: `--ink`, `--faint` and so on. */
export function applyTheme(element: HTMLElement, theme: Theme): void {
  for (const name of ["background", "surface", "ink", "faint", "accent"] as const) element.style.setProperty(`--${name}`, theme[name]);
  element.style.colorScheme = theme.dark ? "dark" : "light";
}
