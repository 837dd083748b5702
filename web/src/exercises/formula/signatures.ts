/** Functions that formulas may call. Mirrors `src/pellucid/course/formula_text/function_parameters.py`. */

const SIGNATURES: Record<string, string> = {
  "exp expm1 log log1p sqrt tanh sin cos abs sign square sigmoid relu": "x",
  "maximum minimum dot outer kron matmul": "x y",
  "sum mean max min logsumexp argmax": "x axis=None keepdims=False",
  "softmax log_softmax": "x axis=-1",
  "zeros ones": "shape",
  "zeros_like ones_like len": "x",
  where: "condition x y",
  transpose: "x axes=None",
  reshape: "x shape",
  flip: "x axis=None",
  pad: "x pad_width",
  arange: "start stop=None step=1",
  eye: "n",
  one_hot: "x num_classes",
  correlate: "x kernel",
};

/** Names of parameters by function, with the default after `=`. */
export const PARAMETERS = new Map(
  Object.entries(SIGNATURES).flatMap(([names, parameters]) => names.split(" ").map((name): [string, string[]] => [name, parameters.split(" ")])),
);
export const ALIASES = new Map([
  ["absolute", "abs"],
  ["amax", "max"],
  ["amin", "min"],
]);
export const MODULES = ["np", "numpy", "pel"];

/** What other notations call functions and operators of formulas. */
export const USUAL_NAMES = new Map([
  ["ln", "log"],
  ["logistic", "sigmoid"],
  ["expit", "sigmoid"],
  ["onehot", "one_hot"],
  ["correlate2d", "correlate"],
  ["add", "+"],
  ["subtract", "-"],
  ["multiply", "*"],
  ["divide", "/"],
  ["power", "**"],
]);

const ARRAY_FUNCTIONS = [...PARAMETERS].filter(([, parameters]) => parameters.join() === "x").map(([name]) => name);
/** Functions of one array, apart from `len`, whose result has its shape. */
export const ELEMENTWISE = ARRAY_FUNCTIONS.filter((name) => name !== "len");
export const REDUCTIONS = [...PARAMETERS].filter(([, parameters]) => parameters.includes("keepdims=False")).map(([name]) => name);
