/** A figure on the page: state of the controls and data, trainings, and the frames that its views draw. */

import { toDtype, toNumbers } from "./arrays";
import { readAddress, writeAddress } from "./address";
import { type Value, type Values, checkValues, defaultValues, parseValue } from "./control_values";
import { ControlPanel } from "./controls/control_panel";
import { DataPanel } from "./controls/data_panel";
import { download } from "./controls/files";
import { Timeline } from "./controls/timeline";
import { Dataset } from "./data/dataset";
import { html } from "./dom";
import type { EngineFrame, Requests } from "./engine/messages";
import { EngineSession, type TrainingResult } from "./engine_session";
import { nest } from "./nested_lists";
import { formatNumber } from "./numbers";
import type { Evaluation, FigureSpec, LossCurveParts, VariantSpec } from "./spec";
import { applyTheme, findTheme, prefersReducedMotion, watchTheme } from "./theme";
import type { DataEdit, Frame, Host, Request, Theme, TypedArray, View } from "./view";
import { ViewPanel } from "./view_panel";

/** Time without a change after which the figure is at rest: it draws in full resolution and speaks to screen readers. */
const REST_MILLISECONDS = 250;
const MAX_TIMINGS = 1000;

export interface Result {
  /** Losses of the recorded steps, or of every step, before the updates of these steps. */
  losses: number[];
  steps: number[];
  milliseconds: number;
  /** Final parameters as nested lists. */
  values: Record<string, unknown>;
  /** First step with a loss that is not finite. */
  diverged: number | null;
}

/** Milliseconds from an input event of a control to the first and to the final picture. */
export interface Timing {
  control: string;
  coarse: number | null;
  final: number;
}

const findVariantIndex = (variants: VariantSpec[], values: Values): number =>
  variants.findIndex(({ when }) => Object.entries(when).every(([id, value]) => values[id] === value));

export class Figure implements Host {
  readonly timings: Timing[] = [];
  sample = 0;
  private values: Values;
  private readonly dataset: Dataset | null;
  private readonly headings: ["h1", "h2"] | ["h2", "h3"];
  private readonly panels: ViewPanel[];
  private readonly controls: ControlPanel;
  private readonly timeline: Timeline;
  private readonly status = html("p", { className: "status" });
  private readonly message = html("p", { className: "message", role: "alert", hidden: true });
  private readonly live = html("p", { className: "words-only", role: "status" });
  private readonly undoButton = html("button", { type: "button", onclick: () => this.undo() }, "Undo");
  private readonly redoButton = html("button", { type: "button", onclick: () => this.redo() }, "Redo");
  private readonly dataButton = html("button", { type: "button", onclick: () => this.resetData() }, "Reset data");
  private readonly session: EngineSession;
  private readonly announcements = new Map<View, string>();
  private readonly stopWatching: () => void;
  private index = 0;
  private frame: Frame | null = null;
  private incoming: EngineFrame | null = null;
  private scheduled = false;
  private shown: number | null = null;
  /** Calls that wait until the frame with an id, or a later one, is drawn. */
  private awaited: { id: number; drawn: () => void }[] = [];
  private clock: { control: string; start: number; coarse: number | null } | null = null;
  private restTimer = 0;
  private width = 0;
  /** Initial values that a view has chosen, by the names of the arrays. */
  private starts: Record<string, ArrayLike<number>> = {};

  constructor(
    private readonly element: HTMLElement,
    private readonly root: HTMLElement,
    readonly spec: FigureSpec,
    private readonly prefix: string,
  ) {
    this.values = { ...defaultValues(spec.controls), ...this.readAddress() };
    this.index = this.findVariant(this.values);
    this.dataset = spec.data && new Dataset(spec.data, this.variant().arrays);
    // The first figure of a page without a heading is its main heading.
    const isFirst = !document.querySelector("h1") && document.querySelector("pellucid-figure") === element;
    this.headings = isFirst ? ["h1", "h2"] : ["h2", "h3"];
    this.panels = spec.views.map((view, k) => new ViewPanel(this, view, k, this.headings[1]));
    this.controls = new ControlPanel(spec.controls, (id, value, event) => this.change(id, value, event));
    this.timeline = new Timeline((step, moving) => this.scrub(step, moving));
    this.session = new EngineSession(spec, (frame) => this.receive(frame), (message) => this.fail(message));
    this.build();
    this.resetViews();
    const stopTheme = watchTheme(element, () => this.changeTheme());
    const resized = new ResizeObserver(() => this.resize());
    resized.observe(root);
    const changeMotion = (): void => this.refresh();
    prefersReducedMotion.addEventListener("change", changeMotion);
    const navigate = (): void => this.navigate();
    addEventListener("hashchange", navigate);
    this.stopWatching = () => {
      stopTheme();
      resized.disconnect();
      prefersReducedMotion.removeEventListener("change", changeMotion);
      removeEventListener("hashchange", navigate);
    };
  }

  close(): void {
    this.stopWatching();
    this.session.close();
    clearTimeout(this.restTimer);
  }

  // Interface of the element -----------------------------------------------------------------------------------------------

  get state(): Record<string, unknown> {
    const { step = 0, steps = 0, diverged = null } = this.frame ?? {};
    const training = this.root.classList.contains("training");
    return { controls: { ...this.values }, step, steps, training, playing: this.timeline.playing, diverged, points: this.dataset?.count ?? 0 };
  }

  async retrain(changes: Record<string, unknown> = {}, { record = "default" }: { record?: "all" | "default" } = {}): Promise<Result> {
    this.setValues(checkValues(this.spec.controls, changes));
    const { frame, milliseconds, losses } = await this.train(record === "all");
    if (this.incoming) await this.waitForDrawing(frame.show);
    const steps = losses ? Array.from(losses, (_, k) => k) : toNumbers(frame.curve.steps).filter((step) => step < frame.steps);
    const arrays = this.variant().arrays;
    const parameters = Object.entries(frame.values).filter(([name]) => arrays[name].role === "parameter");
    return {
      losses: toNumbers(losses ?? frame.curve.loss.subarray(0, steps.length)),
      steps,
      milliseconds,
      values: Object.fromEntries(parameters.map(([name, array]) => [name, nest(toNumbers(array as ArrayLike<number>), arrays[name].shape)])),
      diverged: frame.diverged,
    };
  }

  set(changes: Record<string, unknown>): void {
    this.setValues(checkValues(this.spec.controls, changes));
    this.start();
  }

  /** Shows the recorded step that is closest, in full resolution; resolves when it is drawn. */
  async showStep(step: number): Promise<void> {
    this.timeline.pause();
    this.shown = step;
    await this.waitForDrawing(this.session.requestFrame(step, true));
  }

  /** Prepares what later changes of the controls need. Failures show when they do. */
  prepareRest(): void {
    this.session.compileRest().catch(() => undefined);
  }

  play(): void {
    this.timeline.play();
  }

  pause(): void {
    this.timeline.pause();
  }

  // Interface for views ----------------------------------------------------------------------------------------------------

  variant(): VariantSpec {
    return this.spec.variants[this.index];
  }

  data(): ReturnType<Host["data"]> {
    const { dataset } = this;
    return dataset && { features: dataset.features(), targets: dataset.targets(), count: dataset.count, dimensions: dataset.dimensions };
  }

  changeData(edit: DataEdit): void {
    this.editData(() => this.dataset?.edit(edit));
  }

  startFrom(values: Record<string, ArrayLike<number>>): void {
    this.starts = { ...this.starts, ...values };
    this.start();
  }

  selectSample(row: number): void {
    this.sample = row;
    this.refresh();
  }

  seek(step: number): void {
    this.timeline.pause();
    this.scrub(step, true);
  }

  get(control: string): Value {
    return this.values[control];
  }

  evaluate(requests: Request[]): Promise<Record<string, TypedArray[]>> {
    return this.session.evaluate(requests);
  }

  inspect(array: string, at: number): void {
    const [element] = this.panels.flatMap(({ view }) => view?.inspect?.(array, at) ?? []);
    element?.scrollIntoView({ block: "nearest", behavior: prefersReducedMotion.matches ? "auto" : "smooth" });
  }

  refresh(): void {
    this.session.setRequests(this.collectRequests());
    if (this.frame) this.session.requestFrame(this.shown, true);
  }

  theme(): Theme {
    return findTheme(this.element);
  }

  announce(view: View, text: string): void {
    this.announcements.set(view, text);
    this.waitForRest();
  }

  // Changes ----------------------------------------------------------------------------------------------------------------

  private change(id: string, value: Value, event: Event): void {
    this.clock = { control: id, start: event.timeStamp, coarse: null };
    const control = this.spec.controls.find((c) => c.id === id);
    const preset = control?.kind === "choice" ? control.options.find((option) => option.value === value)?.sets : undefined;
    this.setValues({ ...preset, [id]: value });
    this.start();
  }

  private setValues(changes: Values): void {
    const values = { ...this.values, ...changes };
    const index = this.findVariant(values);
    this.values = values;
    this.controls.show(values);
    this.writeAddress();
    if (index === this.index) return;
    this.index = index;
    this.starts = {};
    this.showEffects();
    this.frame = null;
    this.discardIncoming();
    this.resetViews();
  }

  /** Disables controls that change nothing: their input is not used, or all their options are one variant. */
  private showEffects(): void {
    const { controls, variants } = this.spec;
    for (const control of controls) {
      const chooses = control.kind === "choice" && control.target === "variant";
      const found = chooses ? new Set(control.options.map(({ value }) => findVariantIndex(variants, { ...this.values, [control.id]: value }))) : null;
      this.controls.enable(control.id, found ? found.size > 1 : !variants[this.index].without_effect.includes(control.id));
    }
  }

  private findVariant(values: Values): number {
    const index = findVariantIndex(this.spec.variants, values);
    if (index >= 0) return index;
    const wanted = this.spec.controls.filter((c) => c.target === "variant").map((c) => `${c.id} = ${values[c.id]}`);
    throw new Error(`The figure has no variant for ${wanted.join(", ")}. Build it with this combination.`);
  }

  private editData(edit: () => void): void {
    try {
      edit();
    } catch (error) {
      this.tell((error as Error).message);
      return;
    }
    this.message.hidden = true;
    const { dataset, spec } = this;
    if (!dataset || !spec.data) return;
    Object.assign(spec.data, { class_names: dataset.classNames, feature_names: dataset.featureNames });
    this.sample = Math.min(this.sample, dataset.count - 1);
    this.showHistory();
    this.resetViews();
    this.drawAgain();
    this.start();
  }

  private undo(): void {
    if (this.dataset?.canUndo) this.editData(() => this.dataset?.undo());
  }

  private redo(): void {
    if (this.dataset?.canRedo) this.editData(() => this.dataset?.redo());
  }

  private resetData(): void {
    if (this.dataset?.edited) this.editData(() => this.dataset?.reset());
  }

  private resetControls(): void {
    this.starts = {};
    this.setValues(defaultValues(this.spec.controls));
    this.start();
  }

  private readAddress(): Values {
    const entries = readAddress(this.prefix);
    const values = this.spec.controls.map((c) => [c.id, parseValue(c, entries.get(c.id) ?? "")] as const);
    return Object.fromEntries(values.filter((entry): entry is [string, Value] => entry[1] !== undefined));
  }

  private writeAddress(): void {
    const changed = this.spec.controls.filter((c) => this.values[c.id] !== c.value);
    const entries = new Map(changed.map((c) => [c.id, String(this.values[c.id])]));
    writeAddress(this.prefix, entries, this.spec.controls.map((c) => c.id));
  }

  private navigate(): void {
    const values = { ...defaultValues(this.spec.controls), ...this.readAddress() };
    if (this.spec.controls.every((c) => values[c.id] === this.values[c.id])) return;
    this.setValues(values);
    this.start();
  }

  private changeTheme(): void {
    applyTheme(this.root, this.theme());
    this.resetViews();
    this.drawAgain();
  }

  private resize(): void {
    if (this.root.clientWidth === this.width) return;
    this.width = this.root.clientWidth;
    this.resetViews();
    this.drawAgain();
    this.refresh();
  }

  // Training ---------------------------------------------------------------------------------------------------------------

  /** Trains without waiting; failures are shown by the session, and a newer training may replace this one. */
  start(): void {
    this.train(false).catch(() => undefined);
  }

  async train(recordAll: boolean): Promise<TrainingResult> {
    this.timeline.pause();
    this.shown = null;
    this.root.classList.add("busy", "training");
    this.message.hidden = true;
    this.announcements.clear();
    clearTimeout(this.restTimer);
    return this.session.train({
      variant: this.index,
      arrays: this.collectArrays(),
      seed: this.findSeed(),
      recordAll,
      evaluations: this.collectEvaluations(),
      requests: this.collectRequests(),
    });
  }

  private collectArrays(): Record<string, TypedArray> {
    const { arrays } = this.variant();
    const inputs = this.spec.controls.filter((c) => c.target === "input");
    const entries = inputs.map((c) => [c.id, toDtype([Number(this.values[c.id])], arrays[c.id].dtype)]);
    const starts = Object.entries(this.starts).map(([name, values]) => [name, toDtype(values, arrays[name].dtype)]);
    return { ...Object.fromEntries([...entries, ...starts]), ...this.dataset?.toArrays(arrays) };
  }

  /** Null for the initial values of the figure file: those of the initial seed, unless controls change them. */
  private findSeed(): number | null {
    const control = this.spec.controls.find((c) => c.target === "seed");
    if (!control) return null;
    const { functions, training } = this.variant();
    const dependsOnControls = functions[training?.initialize?.function ?? ""]?.args.length > 1;
    return dependsOnControls || this.values[control.id] !== control.value ? Number(this.values[control.id]) : null;
  }

  private collectEvaluations(): Record<string, Evaluation> {
    const found: Record<string, Evaluation> = {};
    this.variant().views.forEach((parts, view) => {
      const series = (parts as Partial<LossCurveParts> | null)?.series ?? [];
      series.forEach((evaluation, k) => evaluation && (found[`${view}.${k}`] = evaluation));
    });
    return found;
  }

  private collectRequests(): Requests {
    const collect = (finished: boolean): Request[] => this.panels.flatMap((panel) => panel.requests(finished));
    return { coarse: prefersReducedMotion.matches ? null : collect(false), finished: collect(true) };
  }

  private scrub(step: number, moving: boolean): void {
    this.shown = step;
    this.session.requestFrame(step, !moving);
    if (moving) this.waitForRest();
  }

  // Drawing ----------------------------------------------------------------------------------------------------------------

  private receive(frame: EngineFrame): void {
    this.incoming = frame;
    this.schedule();
  }

  /** Drops a frame of another variant, whose results the views cannot draw. */
  private discardIncoming(): void {
    if (this.incoming) this.session.confirmDrawn();
    this.incoming = null;
  }

  private drawAgain(): void {
    if (this.frame) this.schedule();
  }

  /** Hidden pages have no animation frames, and scripts should not wait for them. */
  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    const draw = (): void => {
      if (!this.scheduled) return;
      this.scheduled = false;
      this.draw();
    };
    if (document.hidden) setTimeout(draw);
    else requestAnimationFrame(draw);
    setTimeout(draw, 200);
  }

  private draw(): void {
    const { incoming } = this;
    this.incoming = null;
    if (incoming) this.frame = { ...incoming, inputs: { ...this.values } };
    const { frame } = this;
    if (!frame) return;
    for (const panel of this.panels) panel.draw(frame);
    if (incoming) this.finishDrawing(incoming);
  }

  private finishDrawing(frame: EngineFrame): void {
    this.session.confirmDrawn();
    this.timeline.show(frame.step, frame.steps, frame.snapshots);
    this.root.classList.remove("busy");
    this.root.classList.toggle("training", !frame.trained);
    this.showStatus(frame);
    this.recordTiming(frame);
    if (frame.finished) this.waitForRest();
    if (frame.finished) this.awaited = this.awaited.filter(({ id, drawn }) => id > frame.show || drawn());
  }

  private waitForDrawing(id: number): Promise<void> {
    return new Promise((drawn) => this.awaited.push({ id, drawn }));
  }

  private recordTiming(frame: EngineFrame): void {
    const { clock } = this;
    if (!clock) return;
    const elapsed = performance.now() - clock.start;
    clock.coarse ??= elapsed;
    if (!frame.finished || !frame.trained) return;
    this.timings.push({ control: clock.control, coarse: clock.coarse, final: elapsed });
    if (this.timings.length > MAX_TIMINGS) this.timings.shift();
    this.clock = null;
  }

  private resetViews(): void {
    for (const panel of this.panels) panel.reset();
  }

  // Words ------------------------------------------------------------------------------------------------------------------

  private waitForRest(): void {
    clearTimeout(this.restTimer);
    this.restTimer = setTimeout(() => this.rest(), REST_MILLISECONDS);
  }

  private rest(): void {
    if (!this.frame || this.root.classList.contains("training") || this.timeline.playing) return;
    if (!this.frame.finished) {
      this.session.requestFrame(this.shown, true);
      return;
    }
    const words = this.panels.map((panel) => panel.describe());
    const announced = Array.from(this.announcements.values());
    this.announcements.clear();
    this.live.textContent = announced.length ? announced.join(" ") : [this.status.textContent, words[0]].join(" ");
  }

  private showStatus(frame: EngineFrame): void {
    if (frame.steps === 0) return;
    const { steps, loss } = frame.curve;
    const at = steps.findLastIndex((step) => step <= frame.step);
    const verb = frame.trained ? "Step" : "Training: step";
    this.status.textContent = `${verb} ${formatNumber(frame.step)} of ${formatNumber(frame.steps)}, loss ${formatNumber(loss[at] ?? NaN)}.`;
    const isExplained = this.panels.some(({ view }) => view?.explainsDivergence);
    if (frame.diverged !== null && frame.trained && !isExplained) this.tell(this.explainDivergence(frame.diverged, frame.snapshots.at(-1)!));
  }

  private explainDivergence(diverged: number, last: number): string {
    const shown = diverged === 0 ? "The picture shows the initial values." : `The picture shows step ${formatNumber(last)}, the last one with a finite loss.`;
    return `The loss is not finite from step ${formatNumber(diverged)} on. ${shown} ${this.suggestRate()}`;
  }

  private suggestRate(): string {
    const rate = this.spec.controls.find((c) => c.kind === "slider" && /rate/i.test(`${c.id} ${c.label}`));
    if (rate?.kind !== "slider") return "Try other settings.";
    const smaller = Number((Number(this.values[rate.id]) / 3).toPrecision(1));
    return smaller >= rate.minimum ? `Try a smaller ${rate.label}, such as ${formatNumber(smaller)}.` : "Try other settings or another seed.";
  }

  private tell(message: string): void {
    this.message.hidden = false;
    this.message.textContent = message;
  }

  private fail(message: string): void {
    this.root.classList.remove("busy", "training");
    this.tell(message);
  }

  // Page -------------------------------------------------------------------------------------------------------------------

  private build(): void {
    applyTheme(this.root, this.theme());
    const { spec } = this;
    const heading = spec.title === "" ? [] : [html(this.headings[0], { className: "title" }, spec.title)];
    const description = spec.description === "" ? [] : [html("p", { className: "words-only" }, spec.description)];
    const views = html("div", { className: "views" }, ...this.panels.map((panel) => panel.element));
    this.root.append(...heading, ...description, this.controls.element, this.message, views, this.timeline.element, this.status, this.makeTools());
    if (this.dataset) this.root.append(new DataPanel(this.dataset, spec.title, (data) => this.replaceData(data)).element);
    this.root.append(this.live);
    this.root.addEventListener("keydown", (event) => this.handleKey(event));
    this.controls.show(this.values);
    this.showEffects();
    this.showHistory();
  }

  private makeTools(): HTMLElement {
    const reset = html("button", { type: "button", onclick: () => this.resetControls(), hidden: this.spec.controls.length === 0 }, "Reset controls");
    const save = html("button", { type: "button", onclick: () => this.saveParameters() }, "Save parameters");
    save.hidden = !Object.values(this.variant().arrays).some(({ role }) => role === "parameter");
    return html("div", { className: "row" }, reset, this.undoButton, this.redoButton, this.dataButton, save);
  }

  private showHistory(): void {
    const { dataset } = this;
    const editable = dataset?.spec.editable ?? false;
    for (const button of [this.undoButton, this.redoButton, this.dataButton]) button.hidden = !editable;
    // A disabled button would lose the focus of the keyboard.
    this.undoButton.ariaDisabled = String(!dataset?.canUndo);
    this.redoButton.ariaDisabled = String(!dataset?.canRedo);
    this.dataButton.ariaDisabled = String(!dataset?.edited);
  }

  private handleKey(event: KeyboardEvent): void {
    const typing = (event.target as HTMLElement).matches("textarea, input[type=number]");
    if (typing || !(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z" || !this.dataset?.spec.editable) return;
    event.preventDefault();
    if (event.shiftKey) this.redo();
    else this.undo();
  }

  private replaceData({ features, targets, classNames, featureNames }: Parameters<DataPanel["replace"]>[0]): void {
    const edit: DataEdit = { kind: "replace", features, targets };
    this.dataset!.edit(edit, { classNames, featureNames });
    this.editData(() => undefined);
  }

  private saveParameters(): void {
    if (!this.frame) return;
    const { arrays } = this.variant();
    const parameters = Object.entries(this.frame.values).map(([name, array]) => [name, nest(toNumbers(array as ArrayLike<number>), arrays[name].shape)]);
    const content = { title: this.spec.title, step: this.frame.step, controls: this.values, parameters: Object.fromEntries(parameters) };
    download(`${this.spec.title || "parameters"}.json`, "application/json", JSON.stringify(content, null, 1));
  }
}
