/** Style rules of the element. */

import { addStyles } from "./styles";

addStyles(`
:host { display: block; container-type: inline-size; }
.figure { color: var(--ink); background: var(--background); font: 15px/1.45 system-ui, sans-serif; border-radius: 8px;
  display: grid; gap: 14px; padding: 4px 6px; }
.figure * { box-sizing: border-box; }
h1, h2, h3, p { margin: 0; }
h1, h2, h3 { font-size: 1em; font-weight: 600; }
.title { font-size: 1.3em; line-height: 1.2; }
[hidden] { display: none !important; }
.words-only { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.controls { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 260px), 1fr)); gap: 10px 24px; }
.control { display: grid; gap: 2px; align-content: start; }
.row { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; }
.control .row { flex-wrap: nowrap; }
.control.disabled { opacity: .5; }
.control input[type=range], .control select { flex: 1; min-width: 0; }
label, .label { font-size: .9em; }
label:has(input[type=checkbox]) { display: inline-flex; gap: 6px; align-items: center; min-height: 24px; }
input, select, button, textarea { font: inherit; color: inherit; accent-color: var(--accent); }
input[type=range] { height: 28px; margin: 0; }
input[type=checkbox] { width: 18px; height: 18px; margin: 0; flex: none; }
input[type=number] { width: 7em; flex: none; }
input[type=number], select, textarea, button { background: var(--surface); border: 1px solid var(--faint); border-radius: 5px; padding: 3px 8px; min-height: 30px; }
textarea { width: 100%; font-family: ui-monospace, monospace; font-size: .85em; }
button { cursor: pointer; }
button[aria-pressed=true] { background: var(--ink); color: var(--background); border-color: var(--ink); }
.control .choices { flex-wrap: wrap; gap: 6px; }
button[aria-disabled=true] { opacity: .45; cursor: default; }
.unit:empty { display: none; }
:focus-visible { outline: 3px solid var(--ink); outline-offset: 2px; }
.views { display: grid; gap: 18px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 380px), 1fr)); }
/* In two columns, no view stands beside an empty place. */
@container (min-width: 778px) and (max-width: 1175px) {
  .view:nth-child(odd):is(:last-child, :has(+ .view > .numbers)):not(.view:has(> .sequence) + .view + .view) { grid-column: 1 / -1; }
}
.view { display: grid; gap: 6px; align-content: start; min-width: 0; }
.picture { transition: opacity .15s; min-width: 0; }
.busy .picture { opacity: .6; transition-delay: .05s; }
.timeline { display: flex; gap: 10px; align-items: center; }
.timeline input { flex: 1; min-width: 0; }
.timeline output { font-variant-numeric: tabular-nums; min-width: 11.5em; text-align: end; font-size: .9em; }
.play { min-width: 4.6em; }
.status { font-variant-numeric: tabular-nums; color: var(--faint); font-size: .9em; }
.message { white-space: pre-line; border-inline-start: 4px solid var(--ink); background: var(--surface); padding: 8px 12px; }
details { font-size: .9em; }
summary { cursor: pointer; color: var(--faint); min-height: 24px; width: fit-content; }
details.words p { padding: 4px 0 0 14px; }
details.data[open] { display: grid; gap: 8px; }
.data > * + * { margin-top: 8px; }
@container (max-width: 480px) {
  .timeline { flex-wrap: wrap; }
  .timeline output { flex: 1 0 100%; text-align: start; order: 3; }
}
@media (prefers-reduced-motion: reduce) { .picture { transition: none; } }
`);
