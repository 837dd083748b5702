/** Arrays as tiles of colored cells: a matrix is one tile, images and kernels are many. The pointer and arrow keys tell cells apart. */

import { html } from "../dom";
import type { TileLayout } from "../spec";
import { addStyles } from "../styles";

export interface Place {
  /** Index of the element in the flat array. */
  offset: number;
  /** Number of the tile, and row and column in it. */
  tile: number;
  row: number;
  column: number;
}

interface Options {
  label: string;
  /** Largest width of a cell in pixels, and height if it differs. */
  cell: number;
  cellHeight?: number;
  /** Tells of the cell under the pointer or the focus; null when it is left. */
  told: (place: Place | null) => void;
  /** A cell was clicked, or Enter was pressed. */
  chosen?: (place: Place) => void;
}

/** Pixels between tiles. */
const GAP = 6;
const MAX_HEIGHT = 320;
/** Largest ratio of the sides of a cell. */
const LONGEST = 4;

addStyles(`
.tiles { position: relative; width: fit-content; max-width: 100%; }
.tiles canvas { display: block; cursor: crosshair; image-rendering: pixelated; }
.tiles div { position: absolute; pointer-events: none; outline: 2px solid var(--ink); box-shadow: 0 0 0 3px var(--background); }
.tiles .tile-chosen { outline-style: dashed; box-shadow: none; }
`);

export class Tiles {
  readonly canvas = html("canvas", { tabIndex: 0, role: "application" });
  private readonly marker = html("div", { hidden: true });
  private readonly outline = html("div", { hidden: true, className: "tile-chosen" });
  readonly element = html("div", { className: "tiles" }, this.canvas, this.marker, this.outline);
  /** One pixel for each cell, without gaps. */
  private readonly cells = html("canvas");
  private layout: TileLayout = { counts: [1, 1, 1, 1], strides: [0, 0, 0, 0] };
  /** Number of tiles in a row on the page; a single row of tiles is broken into several. */
  private across = 1;
  /** Width and height of a cell in pixels. */
  private size: [number, number] = [1, 1];
  private at: Place = { offset: 0, tile: 0, row: 0, column: 0 };

  constructor(private readonly options: Options) {
    this.canvas.setAttribute("aria-label", `${options.label}. Arrow keys move from cell to cell.`);
    this.canvas.onpointermove = (event) => this.point(event);
    this.canvas.onpointerleave = () => this.leave();
    this.canvas.onblur = () => this.leave();
    this.canvas.onfocus = () => this.canvas.matches(":focus-visible") && this.show(this.at);
    this.canvas.onkeydown = (event) => this.press(event);
    this.canvas.onclick = (event) => {
      if (this.point(event)) this.options.chosen?.(this.at);
    };
  }

  /** Sets places and size for a width in pixels. */
  arrange(layout: TileLayout, width: number): void {
    const [tileRows, tileColumns, rows, columns] = layout.counts;
    const { cell, cellHeight } = this.options;
    this.layout = layout;
    const fits = Math.floor((width + GAP) / (columns * Math.min(cell, width / columns) + GAP));
    this.across = tileRows === 1 ? Math.max(1, Math.min(tileColumns, fits)) : tileColumns;
    const down = Math.ceil((tileRows * tileColumns) / this.across);
    const x = Math.min(cell, (width - GAP * (this.across - 1)) / this.across / columns);
    const y = Math.min(cellHeight ?? cell, MAX_HEIGHT / rows);
    // Cells of tiles are squares. Those of a matrix may be longer in one direction, so that long rows stay visible.
    const fitted = this.count > 1 ? [x, x] : cellHeight ? [x, y] : [Math.min(x, LONGEST * y), Math.min(y, LONGEST * x)];
    this.size = fitted.map((size) => (size >= 2 ? Math.floor(size) : size)) as [number, number];
    Object.assign(this.cells, { width: this.across * columns, height: down * rows });
    const [left, top] = this.corner(this.across * down - 1);
    Object.assign(this.canvas, { width: Math.ceil(left + columns * this.size[0]), height: Math.ceil(top + rows * this.size[1]) });
    this.at = this.locate(0, 0, 0);
    this.leave();
  }

  paint(values: ArrayLike<number | bigint>, color: (value: number) => number): void {
    const [, , rows, columns] = this.layout.counts;
    const context = this.cells.getContext("2d")!;
    const image = context.createImageData(this.cells.width, this.cells.height);
    const pixels = new Uint32Array(image.data.buffer);
    const { strides } = this.layout;
    for (let tile = 0; tile < this.count; tile++) {
      const { offset } = this.locate(tile, 0, 0);
      const start = Math.floor(tile / this.across) * rows * this.cells.width + (tile % this.across) * columns;
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < columns; j++) pixels[start + i * this.cells.width + j] = color(Number(values[offset + i * strides[2] + j * strides[3]]));
      }
    }
    context.putImageData(image, 0, 0);
    const shown = this.canvas.getContext("2d")!;
    shown.clearRect(0, 0, this.canvas.width, this.canvas.height);
    shown.imageSmoothingEnabled = this.size[0] < 1;
    for (let tile = 0; tile < this.count; tile++) {
      const from = [(tile % this.across) * columns, Math.floor(tile / this.across) * rows] as const;
      shown.drawImage(this.cells, ...from, columns, rows, ...this.corner(tile), columns * this.size[0], rows * this.size[1]);
    }
  }

  /** Frames a tile, or none. */
  frameTile(tile: number | null): void {
    this.outline.hidden = tile === null;
    if (tile !== null) this.place(this.outline, this.locate(tile, 0, 0), this.layout.counts[2], this.layout.counts[3]);
  }

  /** Frames a column of cells of the first tile. */
  frameColumn(column: number): void {
    this.frameBlock(0, column, this.layout.counts[2], 1);
  }

  /** Frames some cells of the first tile. They may lie outside. */
  frameBlock(row: number, column: number, rows: number, columns: number): void {
    this.outline.hidden = false;
    this.place(this.outline, this.locate(0, row, column), rows, columns);
  }

  /** Sets the cell at which the keyboard begins. */
  startAt(row: number, column: number): void {
    this.at = this.locate(0, row, column);
  }

  private get count(): number {
    return this.layout.counts[0] * this.layout.counts[1];
  }

  /** Left and top of a tile in pixels. */
  private corner(tile: number): [number, number] {
    const [, , rows, columns] = this.layout.counts;
    return [(tile % this.across) * (columns * this.size[0] + GAP), Math.floor(tile / this.across) * (rows * this.size[1] + GAP)];
  }

  private locate(tile: number, row: number, column: number): Place {
    const { counts, strides, offset = 0 } = this.layout;
    const start = offset + Math.floor(tile / counts[1]) * strides[0] + (tile % counts[1]) * strides[1];
    return { offset: start + row * strides[2] + column * strides[3], tile, row, column };
  }

  /** Tells of the cell under the pointer, if there is one. */
  private point(event: MouseEvent): boolean {
    const [, , rows, columns] = this.layout.counts;
    const [width, height] = [columns * this.size[0], rows * this.size[1]];
    const [i, j] = [Math.floor(event.offsetY / (height + GAP)), Math.floor(event.offsetX / (width + GAP))];
    const row = Math.floor((event.offsetY - i * (height + GAP)) / this.size[1]);
    const column = Math.floor((event.offsetX - j * (width + GAP)) / this.size[0]);
    const tile = i * this.across + j;
    const inside = tile < this.count && j < this.across && row >= 0 && column >= 0 && row < rows && column < columns;
    if (inside) this.show(this.locate(tile, row, column));
    return inside;
  }

  private press(event: KeyboardEvent): void {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (event.key === "Enter" || event.key === " ") this.options.chosen?.(this.at);
    else if (step) this.move(step[0], step[1]);
    else return;
    event.preventDefault();
  }

  /** Moves by one cell, and at the edge of a tile to the next tile. */
  private move(down: number, right: number): void {
    const [, , rows, columns] = this.layout.counts;
    const row = Math.floor(this.at.tile / this.across) * rows + this.at.row + down;
    const column = (this.at.tile % this.across) * columns + this.at.column + right;
    const tile = Math.floor(row / rows) * this.across + Math.floor(column / columns);
    const inside = row >= 0 && column >= 0 && column < this.across * columns && tile < this.count;
    if (inside) this.show(this.locate(tile, row % rows, column % columns));
  }

  private show(place: Place): void {
    this.at = place;
    this.marker.hidden = false;
    this.place(this.marker, place, 1, 1);
    this.options.told(place);
  }

  private place(frame: HTMLElement, { tile, row, column }: Place, rows: number, columns: number): void {
    const [left, top] = this.corner(tile);
    const [width, height] = this.size;
    frame.style.cssText = `left:${left + column * width}px;top:${top + row * height}px;width:${columns * width}px;height:${rows * height}px`;
  }

  private leave(): void {
    this.marker.hidden = true;
    this.options.told(null);
  }
}
