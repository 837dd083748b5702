/** The figure file: what Python writes into a page and the runtime reads. `pellucid/live/spec.py` is its other half. */

export const FORMAT = 1;

export type Dtype = "float32" | "float64" | "int8" | "uint8" | "int16" | "uint16" | "int32" | "uint32" | "bool" | "int64" | "uint64";

/** An array in WebAssembly memory. `data` is base64 of little-endian bytes, or absent for zeros. */
export interface ArraySpec {
  dtype: Dtype;
  shape: number[];
  data?: string;
  /** What the array is: a variable that training changes or reads, an input of a function, or a constant. */
  role: "parameter" | "variable" | "input" | "constant";
}

/**
 * A WebAssembly module, compressed with raw deflate, as base64. It is compiled twice: with and without relaxed SIMD (fused
 * multiply-add).
 */
export interface ModuleSpec {
  simd: string;
  relaxed: string | null;
  /** SHA-256 of the C sources. */
  source: string;
}

export interface OutputSpec {
  name: string;
  dtype: Dtype;
  shape: number[];
}

/**
 * A compiled function: `symbol(state**, read**, args**, history**, int64 first, int64 count)`. All lists name arrays of the
 * variant. It runs `count` steps, overwrites the state, and writes the outputs of each step to the history. With `walk`, each
 * step has its own arguments: an argument has `count` times the elements of its array, and step k reads those of `first + k`.
 */
export interface FunctionSpec {
  module: number;
  symbol: string;
  state: string[];
  read: string[];
  args: string[];
  outputs: OutputSpec[];
  walk: boolean;
}

export interface Evaluation {
  function: string;
  /** Arguments that differ from the arrays of these names: data under other names, such as the held-out set. */
  args: Record<string, string>;
  output: number;
}

export interface TrainingSpec {
  /** The function of one step with outputs, and the same without outputs, which is faster. */
  function: string;
  quiet: string | null;
  steps: number;
  /** With `walk`, the number of batches that the arguments hold; steps beyond it begin again with the first. */
  batches: number | null;
  /** Name of the output that is the loss, in `FunctionSpec.outputs`. */
  loss: number;
  /**
   * Draws initial values: a function without state whose single argument is the state of a random generator, uint32 of shape
   * (3,): [0, seed, 0]. Its outputs are named like the parameters. With the initial value of the seed control,
   * parameters have the values of this file instead, unless the function has other arguments, which controls set. Null if
   * there is no seed control.
   */
  initialize: { function: string; argument: string } | null;
}

/** One set of compiled functions. A figure has one for each combination of the controls that choose an architecture. */
export interface VariantSpec {
  /** Values of the controls with `target: "variant"`, by their id. */
  when: Record<string, number | string>;
  arrays: Record<string, ArraySpec>;
  functions: Record<string, FunctionSpec>;
  training: TrainingSpec | null;
  /** Functions and arrays of each view, in the order of `FigureSpec.views`. Its type depends on the kind of view. */
  views: unknown[];
  /** Ids of controls that change nothing here, as the width of hidden layers if there are none. */
  without_effect: string[];
}

interface BaseControl {
  /** Unique key, used by `retrain({id: value})` and in the address of the page. */
  id: string;
  label: string;
  /** The control sets an input of the training function, chooses a variant, or sets the seed. */
  target: "input" | "variant" | "seed";
}

export interface SliderSpec extends BaseControl {
  kind: "slider";
  minimum: number;
  maximum: number;
  /** Distance of the values; null for a continuous slider. */
  step: number | null;
  scale: "linear" | "log";
  value: number;
  unit: string;
}

export interface ChoiceSpec extends BaseControl {
  kind: "choice";
  /** `sets` has values of other controls, which a user sets with this option. */
  options: { label: string; value: number | string; sets?: Record<string, number | string> }[];
  value: number | string;
  /** Whether options are buttons, because choosing the same one again has an effect. */
  buttons?: boolean;
}

export interface SeedSpec extends BaseControl {
  kind: "seed";
  value: number;
  maximum: number;
}

export type ControlSpec = SliderSpec | ChoiceSpec | SeedSpec;

/** What all variants share about a view; kinds add fields of their own. */
export interface ViewSpec {
  kind: string;
  title: string;
  [field: string]: unknown;
}

/** The data points of a figure, which may be dragged, added, relabeled and deleted. */
export interface DataSpec {
  /** Names of the input arrays of features, shape (n, d), and of targets, shape (n,) or (n, k), or null. */
  features: string;
  targets: string | null;
  feature_names: string[];
  class_names: string[] | null;
  /** Whether points may be changed. Their number is then at most the size of the arrays; `weights` masks the others. */
  editable: boolean;
  /** Name of the input with a weight for each point, 0 for an absent one, or null: then the number of points is fixed. */
  weights: string | null;
  /** Whether consecutive rows are divided into parts, so that other data must be stored in random order. */
  divided?: boolean;
}

export interface FigureSpec {
  format: number;
  title: string;
  /** What the figure shows, in one or two sentences, for people who cannot see it. */
  description: string;
  modules: ModuleSpec[];
  /** Arrays that all variants have, besides their own. */
  arrays: Record<string, ArraySpec>;
  variants: VariantSpec[];
  controls: ControlSpec[];
  views: ViewSpec[];
  data: DataSpec | null;
}

// Views -----------------------------------------------------------------------------------------------------------------------

/** Predictions over the plane of two features, with the data points. */
export interface DecisionBoundarySpec extends ViewSpec {
  kind: "decision_boundary";
  /** Meaning of the scores: logit of class 1; one logit per class; probabilities; or a number to show as it is. */
  scores: "logit" | "logits" | "probability" | "probabilities" | "number";
  x_range: [number, number];
  y_range: [number, number];
}

export interface DecisionBoundaryParts {
  /** A function with `walk` from batches of points, shape (batch, 2), to scores, shape (batch,) or (batch, k). */
  function: string;
  points: string;
  /** The same for each hidden layer: outputs of shape (batch, units), whose zero lines are drawn on demand. */
  units: { function: string; points: string; layers: string[] } | null;
  /**
   * Where the data points are drawn, and which are held out: outputs of a function of the data and the controls, of shapes
   * (n, 2) and (n,). Without it, points are drawn where the data are.
   */
  division?: { function: string; features: number; held_out: number };
}

/** Losses or metrics over the steps. */
export interface LossCurveSpec extends ViewSpec {
  kind: "loss_curve";
  scale: "linear" | "log";
  /** "training" curves are solid, "held_out" curves of the same hue dashed. */
  series: { label: string; set: "training" | "held_out"; metric: string }[];
}

export interface LossCurveParts {
  /** For each series, null for the loss of the training step, or what to evaluate at every recorded step. */
  series: (Evaluation | null)[];
}

/** Scores over the options of two choices. */
export interface ChoiceMapSpec extends ViewSpec {
  kind: "choice_map";
  /** Ids of the choices. */
  rows: string;
  columns: string;
  /** `lowest`: whether the lowest value is the best. */
  scores: { name: string; lowest: boolean; values: number[][] }[];
  /** Indices of the losses on training and validation data, null if there are none. */
  gap: [number, number] | null;
}

/** An expression after each rewrite. Formulas are MathML; the changed part has the class "changed". */
export interface RewritingParts {
  start: string;
  steps: { rule: string; phase: string; pattern: string; reason: string; before: string; after: string }[];
  /** Values of the inputs, and of the expression as written and after each step, or null. */
  given: string;
  values: (string | null)[];
}

/** Functions of the number of a slider: `FigureSpec.views` has the id of the slider. */
export interface ValueCurvesParts {
  /** The argument of all functions, which have `walk`. */
  argument: string;
  curves: { label: string; function: string }[];
  /** Functions whose present values are shown. */
  numbers: { label: string; function: string }[];
  /** The curve with which others are compared, null if there is none. */
  reference: number | null;
}

/** The loss over the plane of two weights; its fields depend on the variant. */
export interface LossSurfaceParts {
  /** A function with `walk` from the two weights in the arrays of `place` to the loss. */
  surface: string;
  place: [string, string];
  /** What is evaluated at every recorded step: the two weights, the gradient, and the Hessian (xx, xy, yy). */
  series: Evaluation[];
  /** Two scalar arrays, or one of two elements. */
  variables: string[];
  labels: [string, string];
  ranges: [[number, number], [number, number]];
  /** Whether the Hessian is the same everywhere. */
  quadratic: boolean;
  /** Id of the control with the rate of plain gradient descent, null if it is not known. */
  rate: string | null;
}

/** The network drawn as units and weighted edges. */
export interface NetworkSpec extends ViewSpec {
  kind: "network";
}

export interface NetworkParts {
  /** `values` is the name of the expression of the units; null if it has none. */
  layers: { name: string; values: string | null; units: number; labels: string[] | null; activation: string | null }[];
  /** Connections between consecutive layers: weights of shape (inputs, units). */
  connections: { weights: string; bias: string | null }[];
  /** A function of one sample whose outputs are the values of the layers, from the input on; null if there is none. */
  activations: { function: string; argument: string; outputs: number[] } | null;
}

/** Matrices and vectors as colored cells, and their gradients. */
export interface HeatMapSpec extends ViewSpec {
  kind: "heat_map";
}

/** Where the elements of an array are drawn: numbers of rows and columns of tiles, and of cells in a tile, with their strides. */
export interface TileLayout {
  counts: [number, number, number, number];
  strides: [number, number, number, number];
  /** Index of the first element. */
  offset?: number;
}

export interface HeatMapParts {
  /** Arrays with their shapes and places. All gradients are outputs of one function. */
  panels: {
    label: string;
    array: string;
    shape: number[];
    layout: TileLayout;
    gradient: Evaluation | null;
    /** Controls with the numbers of rows and columns that are used, null for all of them. */
    used?: [string | null, string | null];
  }[];
}

/** Scores of the network on training and held-out data, beside those of baselines. */
export interface ScoreTableSpec extends ViewSpec {
  kind: "score_table";
  score: "accuracy" | "mean absolute error";
  /** Names of the baselines. */
  baselines: string[];
  /** Sentences about the data. */
  facts: string[];
}

export interface ScoreTableParts {
  /** A function whose outputs are the held-out loss and the scores of the network on training and held-out data. */
  network: string;
  /** A function whose outputs are the numbers of training and held-out rows, and the two scores of each baseline. */
  baselines: string;
}

/** Values of the network as tables, and the arithmetic behind each number. */
export interface NumbersSpec extends ViewSpec {
  kind: "numbers";
}

export interface NumbersParts {
  /** Expressions by number. Those without a name only give values. */
  expressions: ExpressionSpec[];
  /** Formulas of automatic names, which are explained where they occur. */
  definitions: Record<string, string>;
  /** Functions whose outputs are the values: of the first expressions, and of the others, for gradients. */
  values: string;
  gradients: string | null;
  /** The expressions that the view is about, and those that are tables, in the order of computation. */
  roots: number[];
  tables: number[];
  /** Name of the loss, null without training. */
  loss: string | null;
  /** Derivations of the gradients as HTML: base64 of a JSON list, compressed with zlib. */
  derivations: string | null;
}

/** A computation step by step. Its numbers are those of a view of numbers, without gradients. */
export interface WalkthroughParts extends NumbersParts {
  steps: {
    name: string;
    phase: string;
    /** MathML. */
    formula: string;
    /** Sentences, with elements of expressions. */
    text: (string | { of: number; at: number })[];
    operands: number[];
    results: number[];
    /** Names of columns, weights and biases of the network. */
    uses: string[];
  }[];
  /** Columns of units from left to right, with the names of the connections from the column before. */
  network: { name: string; labels: string[]; weights: string; bias: string }[];
  /** Arrays and the expressions of their new values. */
  updates: [string, number][];
}

export interface ExpressionSpec {
  shape: number[];
  /** Whether it is a constant, whose elements have no names. */
  constant?: true;
  name?: string;
  /** Whether its first axis counts the data points. */
  rows?: boolean;
  /** Its formula. Inputs and variables have none, and those of automatic names are in `definitions`. */
  definition?: string;
  arithmetic?: ArithmeticSpec;
  /** The expression of the gradient with the number of its derivation, or why there is none. */
  gradient?: { of: number; derivation: number } | { reason: string };
}

/** Arithmetic of all elements, or of each element of a row of data (of each element, if there are no rows). */
export type ArithmeticSpec = TemplateSpec | TemplateSpec[];
export type TemplateSpec = Template | ChoiceTemplate;

/** Arithmetic that depends on whether an integer of the data equals a position. */
export interface ChoiceTemplate {
  kind: "choice";
  by: NumberRef;
  equals: number[];
  then: Template;
  else: Template;
}

/** Arithmetic of an element; see `Provenance` in pellucid/show/why/provenance.py for the kinds, "closed" for irregular elements. */
export interface Template {
  kind: "given" | "applied" | "moved" | "sum" | "function" | "whole" | "closed";
  /** The formula in names and in numbers; `numbers` only if it differs. */
  pieces?: Piece[];
  numbers?: Piece[];
  /** The formula of an op on whole arrays. */
  text?: string;
}

export type Piece = string | NumberPiece | LongSum;

/**
 * A number at position `at` of an expression, in C order: `[start, ...steps]` is start + Σ step · index. Inside of a long sum, the
 * number of the term is the last index, or `at` has a list for each term. Positions along some axes are `chosen` by integers.
 */
export interface NumberRef {
  of: number;
  at: number[] | number[][];
  chosen?: { step: number; size: number; by: NumberRef }[];
}

/** With `sign`, negative numbers have parentheses. */
export interface NumberPiece extends NumberRef {
  sign?: true;
}

/** A sum of products of a value and a factor, and how to write its first term and the following ones. */
export interface LongSum {
  count: number;
  value: NumberRef;
  factor: NumberRef | number;
  first: Piece[];
  next: Piece[];
}

/** What a prediction is: the probability of the second of two classes, those of all classes, scores of classes, or numbers. */
export interface ScoreSpec {
  kind: "probability" | "probabilities" | "score" | "number";
  /** Names of the classes or numbers. */
  names: string[] | null;
}

/** One neuron: inputs, weights, sum, activation and output, and the output over the plane of two inputs. */
export interface NeuronSpec extends ViewSpec {
  kind: "neuron";
  /** Ids of the controls of inputs, weights and bias. */
  inputs: string[];
  weights: string[];
  bias: string;
  /** Names of the activation functions, and the control that chooses among them. */
  activations: string[];
  activation: string | null;
  /** Ranges of the two inputs of the plane; null for other numbers of inputs. */
  plane: [number, number][] | null;
  /** Truth tables on the corners (0, 0), (0, 1), (1, 0) and (1, 1), and how many of them the best line gets right. */
  tasks: { control: string; names: string[]; targets: number[][]; best: number[] } | null;
}

export interface NeuronParts {
  /**
   * A function with these outputs: weights times inputs; z; output; its slope; outputs at the `grid` of z; z at the corners of the
   * plane, by rows from the top; z at the corners of the truth table; which of these are right.
   */
  function: string;
  grid: string;
}

/** A kernel to edit, over an image, with the feature map and the sum for one of its numbers. */
export interface ConvolutionSpec extends ViewSpec {
  kind: "convolution";
  /** Height and width of images and kernels. */
  image: [number, number];
  kernel: [number, number];
  presets: { name: string; values: number[] }[];
  /** Names of the images. */
  names: string[];
}

export interface ConvolutionParts {
  /** Functions whose outputs are the kernel that is used, the sums and the feature map, and their windows. */
  modes: { stride: number; padding: "valid" | "same"; function: string; shape: [number, number]; before: [number, number] }[];
  /** Arguments of all functions; the last two are 0 or 1. */
  argument: string;
  kernel: string;
  flip: string;
  rectify: string;
  /** Array of images in percent. */
  images: string;
}

/** An image as input, with the prediction, the gradient of the winning score, and the feature maps. */
export interface ImageSpec extends ViewSpec {
  kind: "image";
  /** Height, width and channels. */
  image: [number, number, number];
  /** Values of black and white. */
  range: [number, number];
  scores: ScoreSpec;
  /** Whether the images are the data points of the figure. */
  points: boolean;
  /** A drawing pad and opened files; `fit` is the part of the image that a figure fills; `inverted` is dark on light. */
  pad: { fit: number; inverted: boolean } | null;
}

export interface ImageParts {
  /** A function of one image, and which of its outputs are the prediction and the gradient. */
  function: string;
  argument: string;
  scores: number;
  saliency: number | null;
  maps: FeatureMapSpec[];
  /** Arrays of example images and of their classes. */
  images: string | null;
  labels: string | null;
  /** A function whose output tells which of the images are predicted correctly. */
  correct: string | null;
}

/** Feature maps of a layer: an output of shape (1, height, width, maps), with the kernel and bias of a convolution. */
export interface FeatureMapSpec {
  name: string;
  output: number;
  /** Height, width and number of maps. */
  shape: [number, number, number];
  kernel: string | null;
  bias: string | null;
}

/** A control for each feature of one sample, and the prediction. */
export interface FeatureInputsSpec extends ViewSpec {
  kind: "feature_inputs";
  fields: SliderSpec[];
  scores: ScoreSpec;
}

export interface FeatureInputsParts {
  /** A function of one sample, and which of its outputs are the prediction and the gradient of the winning score. */
  function: string;
  argument: string;
  scores: number;
  saliency: number | null;
  /** Arrays of examples and of their classes or targets. */
  examples: string | null;
  labels: string | null;
}

/** A recurrent network step by step. */
export interface SequenceSpec extends ViewSpec {
  kind: "sequence";
  /** What the prediction for a whole sequence is; null if there is an output at every step. */
  scores: ScoreSpec | null;
}

export interface SequenceParts {
  /** A function of one sequence. */
  function: string;
  argument: string;
  /** Number of time steps. */
  steps: number;
  groups: SequenceGroup[];
  /** The output that is the prediction for the whole sequence. */
  prediction: number | null;
  /** Arrays of sequences and of their true outputs. */
  samples: string | null;
  targets: string | null;
  /** Whether all inputs are 0 or 1. */
  binary: boolean;
  /** Largest number of sequences over which units are compared with marks; the function then has `walk`. */
  probe: number;
  /** A sentence about a time step, with names in braces. */
  story: string | null;
  /** Names of the integers whose bits are the inputs, least significant first. */
  integers: string[] | null;
}

/** Values at every time step, shape (steps, units): an output of the function, or the true outputs. A mark is a known quantity. */
export interface SequenceGroup {
  label: string;
  role: "input" | "mark" | "state" | "output" | "target";
  output: number;
  units: number;
  names: string[] | null;
}
