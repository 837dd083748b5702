/** Choosing, moving, adding, relabeling and deleting data points on a plane, by pointer and by keyboard. */

import type { Host } from "../view";
import type { Plane } from "./plane";

/** Half of the smallest target size of WCAG 2.2. */
const REACH = 12;
/** Part of the axes by which a key moves a point. */
const NUDGE = 0.01;

const ARROWS: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export interface PointActions {
  /** Where points are drawn, as pairs of features. */
  positions(): ArrayLike<number>;
  /** The chosen point changed, or null: none is chosen. */
  choose(row: number | null): void;
  /** Target of points that are added, and the target that follows when a point is relabeled. */
  newTarget(): number;
  nextTarget(target: number): number;
}

export class PointEditor {
  chosen: number | null = null;
  private dragged: { row: number; dx: number; dy: number; moved: boolean } | null = null;
  private pressed: { x: number; y: number } | null = null;

  constructor(
    private readonly host: Host,
    private readonly plane: Plane,
    private readonly actions: PointActions,
  ) {
    const { points } = plane;
    points.addEventListener("pointerdown", (event) => this.press(event));
    points.addEventListener("pointermove", (event) => this.move(event));
    points.addEventListener("pointerup", (event) => this.release(event));
    points.addEventListener("pointercancel", () => (this.dragged = this.pressed = null));
    points.addEventListener("keydown", (event) => this.handleKey(event));
    points.addEventListener("touchstart", (event) => this.holdScrolling(event), { passive: false });
  }

  get editable(): boolean {
    return this.host.spec.data?.editable ?? false;
  }

  get resizable(): boolean {
    return this.editable && this.host.spec.data?.weights !== null;
  }

  relabel(): void {
    if (this.chosen === null || !this.editable) return;
    this.host.changeData({ kind: "relabel", row: this.chosen, target: this.actions.nextTarget(this.host.data()!.targets[this.chosen]) });
    this.choose(this.chosen);
  }

  delete(): void {
    if (this.chosen === null || !this.resizable) return;
    const row = this.chosen;
    this.host.changeData({ kind: "delete", row });
    this.choose(Math.min(row, (this.host.data()?.count ?? 0) - 1));
  }

  /** Keeps the choice valid after the data changed. */
  update(): void {
    const count = this.host.data()?.count ?? 0;
    if (this.chosen !== null && this.chosen >= count) this.chosen = count ? count - 1 : null;
  }

  choose(row: number | null): void {
    this.chosen = row;
    if (row !== null && row !== this.host.sample) this.host.selectSample(row);
    this.actions.choose(row);
  }

  private press(event: PointerEvent): void {
    if (event.button !== 0) return;
    const row = this.findPoint(event.offsetX, event.offsetY, event.pointerType === "mouse" ? REACH : 2 * REACH);
    if (row === null) {
      this.pressed = { x: event.clientX, y: event.clientY };
      return;
    }
    const [x, y] = this.position(row);
    this.dragged = { row, dx: x - event.offsetX, dy: y - event.offsetY, moved: false };
    this.plane.points.setPointerCapture(event.pointerId);
    this.choose(row);
  }

  private move(event: PointerEvent): void {
    const { dragged } = this;
    if (!dragged) {
      const over = this.findPoint(event.offsetX, event.offsetY, REACH) !== null;
      this.plane.points.style.cursor = over ? (this.editable ? "grab" : "pointer") : this.resizable ? "copy" : "default";
    } else if (this.editable) {
      const [x, y] = [event.offsetX + dragged.dx, event.offsetY + dragged.dy];
      const [x0, y0] = this.position(dragged.row);
      if (!dragged.moved && Math.hypot(x - x0, y - y0) < 2) return;
      dragged.moved = true;
      this.moveTo(dragged.row, x, y);
    }
  }

  private release(event: PointerEvent): void {
    const { pressed, dragged } = this;
    this.pressed = this.dragged = null;
    if (dragged || !pressed || !this.plane.contains(event.offsetX, event.offsetY)) return;
    if (Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) > 5) return;
    if (this.resizable) this.add(this.plane.toFeatures(event.offsetX, event.offsetY));
    else this.choose(this.findPoint(event.offsetX, event.offsetY, Infinity));
  }

  private add(features: number[]): void {
    const before = this.host.data()!.count;
    this.host.changeData({ kind: "add", features, target: this.actions.newTarget() });
    if (this.host.data()!.count > before) this.choose(before);
  }

  /** A finger on a point drags it; elsewhere it scrolls the page. */
  private holdScrolling(event: TouchEvent): void {
    const box = this.plane.points.getBoundingClientRect();
    const [touch] = Array.from(event.touches);
    if (this.editable && this.findPoint(touch.clientX - box.left, touch.clientY - box.top, 2 * REACH) !== null) event.preventDefault();
  }

  private handleKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.act(event)) return;
    event.preventDefault();
  }

  private act({ key, shiftKey }: KeyboardEvent): boolean {
    const arrow = ARROWS[key];
    const count = this.host.data()?.count ?? 0;
    if (arrow && shiftKey) this.nudge(...arrow);
    else if (arrow) this.choose(this.findNext(...arrow));
    else if (key === "Home" && count) this.choose(0);
    else if (key === "End" && count) this.choose(count - 1);
    else if (key === "Enter") this.relabel();
    else if (key === "Delete" || key === "Backspace") this.delete();
    else if ((key === "Insert" || key === "+") && this.resizable) this.addNearby();
    else if (key === "Escape") this.choose(null);
    else return false;
    return true;
  }

  private nudge(dx: number, dy: number): void {
    if (this.chosen === null || !this.editable) return;
    const [x, y] = this.position(this.chosen);
    const { width, height } = this.plane;
    this.moveTo(this.chosen, x + dx * NUDGE * width, y + dy * NUDGE * height);
  }

  /** Moves a point by as much as the place where it is drawn. */
  private moveTo(row: number, x: number, y: number): void {
    const { features } = this.host.data()!;
    const drawn = this.actions.positions();
    const target = this.plane.toFeatures(x, y);
    this.host.changeData({ kind: "move", row, features: target.map((value, k) => features[2 * row + k] + value - drawn[2 * row + k]) });
    this.choose(row);
  }

  private addNearby(): void {
    const { width, height } = this.plane;
    const origin = this.plane.x.toPosition(this.plane.xRange[0]);
    const [x, y] = this.chosen === null ? [origin + width / 2, height / 2] : this.position(this.chosen);
    this.add(this.plane.toFeatures(x + 3 * NUDGE * width, y));
  }

  private position(row: number): [number, number] {
    const drawn = this.actions.positions();
    return [this.plane.x.toPosition(drawn[2 * row]), this.plane.y.toPosition(drawn[2 * row + 1])];
  }

  private findPoint(x: number, y: number, reach: number): number | null {
    let [best, distance]: [number | null, number] = [null, reach];
    for (let row = 0; row < (this.host.data()?.count ?? 0); row++) {
      const [px, py] = this.position(row);
      const d = Math.hypot(px - x, py - y);
      if (d <= distance) [best, distance] = [row, d];
    }
    return best;
  }

  /** The next point in a direction: the one with the shortest way, of which the part across the direction counts double. */
  private findNext(dx: number, dy: number): number | null {
    if (this.chosen === null) return this.host.data()?.count ? Math.min(this.host.sample, this.host.data()!.count - 1) : null;
    const [x, y] = this.position(this.chosen);
    let [best, distance] = [this.chosen, Infinity];
    for (let row = 0; row < this.host.data()!.count; row++) {
      const [px, py] = this.position(row);
      const along = (px - x) * dx + (py - y) * dy;
      const across = Math.abs((px - x) * dy) + Math.abs((py - y) * dx);
      if (row !== this.chosen && along > 0 && along + 2 * across < distance) [best, distance] = [row, along + 2 * across];
    }
    return best;
  }
}
