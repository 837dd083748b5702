/** Style sheet of exercises. */

import { addStyles } from "../styles";

addStyles(`
:host { display: block; margin: 1.75rem 0; }
.exercise { --right: #1b7837; --line: #d5d9e0; --field: #8791a0; color: var(--ink); background: var(--surface); border: 1px solid var(--line);
  border-radius: 12px; padding: 1.1rem 1.25rem 1.2rem; line-height: 1.55; }
.exercise.dark { --right: #7fc97f; --line: #353d48; --field: #778294; }
.exercise > * + * { margin-top: 0.9rem; }
header { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: 0.25rem 1rem; }
header p { margin: 0; font-size: 0.85rem; font-weight: 600; color: var(--faint); }
header .solved { color: var(--right); }
.question { font-size: 1.05rem; }
.question > :first-child, .why > :first-child { margin-top: 0; }
.question > :last-child, .why > :last-child { margin-bottom: 0; }
code, textarea { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 0.92em; }
math { font-family: "STIX Two Math", "Latin Modern Math", "Cambria Math", "TeX Gyre Termes Math", "DejaVu Math TeX Gyre", math; font-size: 1.12em; }
details { font-size: 0.95rem; }
summary { cursor: pointer; min-height: 24px; width: fit-content; border-radius: 4px; color: var(--faint); }
summary code { color: var(--ink); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.3rem 0.9rem; margin: 0.5rem 0 0; }
dt, dd { margin: 0; }
details .faint { margin: 0.6rem 0 0; }
.shape { color: var(--faint); white-space: nowrap; }
.entry { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 0.3rem 0.55rem; align-items: baseline; }
.entry label { white-space: nowrap; }
textarea { box-sizing: border-box; width: 100%; font-size: 1rem; line-height: 1.5; padding: 0.45rem 0.65rem; border: 1px solid var(--field);
  border-radius: 8px; background: var(--background); color: var(--ink); resize: none; overflow: hidden; }
.echo { grid-column: 2; min-height: 2.1em; margin: 0; font-size: 0.92rem; color: var(--faint); }
.scrolls { overflow-x: auto; overflow-y: hidden; }
.echo math { color: var(--ink); }
.buttons { display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: center; }
button { font: inherit; font-size: 0.95rem; min-height: 36px; padding: 0.25rem 0.9rem; border: 1px solid var(--field); border-radius: 8px;
  background: transparent; color: var(--ink); cursor: pointer; }
button.primary { background: var(--accent); border-color: var(--accent); color: var(--background); font-weight: 600; }
button:disabled { color: var(--faint); border-style: dashed; cursor: default; }
button.quiet { margin-left: auto; border-color: transparent; color: var(--faint); text-decoration: underline; text-underline-offset: 3px; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.answer:empty { margin-top: 0; }
.feedback { border-left: 4px solid var(--field); padding: 0.1rem 0 0.1rem 0.9rem; }
.feedback.right { border-left-color: var(--right); }
.feedback > p, .feedback > div, .feedback > ul, .feedback > code { margin: 0.35rem 0 0; }
.feedback .headline { margin: 0; font-weight: 600; }
.feedback.right .headline { color: var(--right); }
.feedback ul { padding-left: 1.2rem; }
.faint { color: var(--faint); font-size: 0.95rem; }
.place { display: block; white-space: pre-wrap; padding: 0.2rem 0; }
code { overflow-wrap: anywhere; }
mark { background: transparent; color: inherit; border-bottom: 3px solid currentColor; font-weight: 700; padding: 0 1px; }
.solution { border-top: 1px solid var(--line); padding-top: 0.8rem; }
.solution p { margin: 0 0 0.4rem; }
.message { margin: 0; }
[hidden] { display: none !important; }
.hidden-label { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (prefers-reduced-motion: no-preference) {
  .feedback { animation: appear 0.18s ease-out; }
  @keyframes appear { from { opacity: 0; } }
}
@media (max-width: 480px) {
  .exercise { padding: 0.9rem 0.9rem 1rem; border-radius: 10px; }
  .entry { grid-template-columns: minmax(0, 1fr); }
  .echo { grid-column: 1; }
  button.quiet { margin-left: 0; padding-left: 0; }
}
`);
