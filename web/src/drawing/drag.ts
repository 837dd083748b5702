/** Numbers that change while the pointer is dragged to the left or right. */

/** Pixels that a click may move. */
const CLICK = 3;

/** The window follows the pointer, because the element may be drawn again meanwhile. */
export function dragNumber(start: PointerEvent, from: number, perPixel: number, step: number, changed: (value: number) => void): void {
  let dragged = false;
  const ended = new AbortController();
  const { signal } = ended;
  const move = (event: PointerEvent): void => {
    const distance = event.clientX - start.clientX;
    dragged ||= Math.abs(distance) > CLICK;
    if (event.pointerId === start.pointerId && dragged) changed(Number((Math.round((from + perPixel * distance) / step) * step).toFixed(6)));
  };
  const end = (event: PointerEvent): void => {
    if (event.pointerId === start.pointerId) ended.abort();
  };
  addEventListener("pointermove", move, { signal });
  for (const name of ["pointerup", "pointercancel"] as const) addEventListener(name, end, { signal });
}
