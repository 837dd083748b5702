/** Views by their `kind` in the figure file. A new view is one file in this folder and one line here. */

import type { ViewClass } from "../view";
import { Convolution } from "./convolution";
import { ChoiceMap } from "./choice_map";
import { DecisionBoundary } from "./decision_boundary";
import { FeatureInputs } from "./feature_inputs";
import { HeatMap } from "./heat_map";
import { ImageView } from "./image";
import { LossCurve } from "./loss_curve";
import { LossSurface } from "./loss_surface";
import { Network } from "./network";
import { NeuronView } from "./neuron";
import { Numbers } from "./numbers";
import { Rewriting } from "./rewriting";
import { ScoreTable } from "./score_table";
import { Sequence } from "./sequence";
import { ValueCurves } from "./value_curves";
import { Walkthrough } from "./walkthrough";

export const VIEWS: Record<string, ViewClass> = {
  convolution: Convolution,
  choice_map: ChoiceMap,
  decision_boundary: DecisionBoundary,
  feature_inputs: FeatureInputs,
  heat_map: HeatMap,
  image: ImageView,
  loss_curve: LossCurve,
  loss_surface: LossSurface,
  network: Network,
  neuron: NeuronView,
  numbers: Numbers,
  rewriting: Rewriting,
  score_table: ScoreTable,
  sequence: Sequence,
  value_curves: ValueCurves,
  walkthrough: Walkthrough,
};
