/** Views by their `kind` in the figure file. A new view is one file in this folder and one line here. */

import type { ViewClass } from "../view";
import { Convolution } from "./convolution";
import { DecisionBoundary } from "./decision_boundary";
import { FeatureInputs } from "./feature_inputs";
import { HeatMap } from "./heat_map";
import { ImageView } from "./image";
import { LossCurve } from "./loss_curve";
import { Network } from "./network";
import { NeuronView } from "./neuron";
import { Numbers } from "./numbers";
import { ScoreTable } from "./score_table";
import { Sequence } from "./sequence";

export const VIEWS: Record<string, ViewClass> = {
  convolution: Convolution,
  decision_boundary: DecisionBoundary,
  feature_inputs: FeatureInputs,
  heat_map: HeatMap,
  image: ImageView,
  loss_curve: LossCurve,
  network: Network,
  neuron: NeuronView,
  numbers: Numbers,
  score_table: ScoreTable,
  sequence: Sequence,
};
