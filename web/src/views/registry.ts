/** Views by their `kind` in the figure file. A new view is one file in this folder and one line here. */

import type { ViewClass } from "../view";
import { DecisionBoundary } from "./decision_boundary";
import { LossCurve } from "./loss_curve";

export const VIEWS: Record<string, ViewClass> = {
  decision_boundary: DecisionBoundary,
  loss_curve: LossCurve,
};
