import type { ViewSpec } from "../spec";
import type { Frame, Host, Request, View } from "../view";

export class LossCurve implements View {
  readonly element = document.createElement("div");

  constructor(
    readonly host: Host,
    readonly spec: ViewSpec,
    readonly index: number,
  ) {}

  requests(_finished: boolean): Request[] {
    return [];
  }

  draw(_frame: Frame): void {}

  reset(): void {}

  describe(): string {
    return "";
  }
}
