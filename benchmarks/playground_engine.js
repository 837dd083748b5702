/* A training engine in the style of TensorFlow Playground's `nn.ts`: units and links are objects, and every sample is
   propagated link by link. `--playground nn.ts` measures the original instead, which has the same interface. */
var nn = (() => {
  const TANH = { output: Math.tanh, der: (x) => 1 - Math.tanh(x) ** 2 };
  const SQUARE = { error: (output, target) => 0.5 * (output - target) ** 2, der: (output, target) => output - target };
  const L2 = { output: (w) => 0.5 * w * w, der: (w) => w };

  class Unit {
    constructor(activation) {
      Object.assign(this, { inputLinks: [], outputs: [], bias: 0.1, totalInput: 0, output: 0, outputDer: 0, inputDer: 0 });
      Object.assign(this, { accInputDer: 0, numAccumulatedDers: 0, activation });
    }
    updateOutput() {
      this.totalInput = this.bias;
      for (let j = 0; j < this.inputLinks.length; j++) {
        const link = this.inputLinks[j];
        this.totalInput += link.weight * link.source.output;
      }
      return (this.output = this.activation.output(this.totalInput));
    }
  }

  function connect(source, dest, regularization) {
    const link = { source, dest, weight: Math.random() - 0.5, errorDer: 0, accErrorDer: 0, numAccumulatedDers: 0, regularization };
    source.outputs.push(link);
    dest.inputLinks.push(link);
  }

  function buildNetwork(sizes, activation, outputActivation, regularization) {
    const layers = sizes.map((size, k) =>
      Array.from({ length: size }, () => new Unit(k === sizes.length - 1 ? outputActivation : activation)),
    );
    for (let k = 1; k < layers.length; k++)
      for (const dest of layers[k]) for (const source of layers[k - 1]) connect(source, dest, regularization);
    return layers;
  }

  function forwardProp(network, inputs) {
    for (let i = 0; i < inputs.length; i++) network[0][i].output = inputs[i];
    for (let k = 1; k < network.length; k++) for (let i = 0; i < network[k].length; i++) network[k][i].updateOutput();
    return network[network.length - 1][0].output;
  }

  function backProp(network, target, errorFunction) {
    const last = network[network.length - 1][0];
    last.outputDer = errorFunction.der(last.output, target);
    for (let k = network.length - 1; k >= 1; k--) {
      for (let i = 0; i < network[k].length; i++) {
        const unit = network[k][i];
        unit.inputDer = unit.outputDer * unit.activation.der(unit.totalInput);
        unit.accInputDer += unit.inputDer;
        unit.numAccumulatedDers++;
        for (let j = 0; j < unit.inputLinks.length; j++) {
          const link = unit.inputLinks[j];
          link.errorDer = unit.inputDer * link.source.output;
          link.accErrorDer += link.errorDer;
          link.numAccumulatedDers++;
        }
      }
      if (k === 1) continue;
      for (let i = 0; i < network[k - 1].length; i++) {
        const unit = network[k - 1][i];
        unit.outputDer = 0;
        for (let j = 0; j < unit.outputs.length; j++) unit.outputDer += unit.outputs[j].weight * unit.outputs[j].dest.inputDer;
      }
    }
  }

  function updateWeights(network, rate, strength) {
    for (let k = 1; k < network.length; k++)
      for (let i = 0; i < network[k].length; i++) {
        const unit = network[k][i];
        unit.bias -= (rate * unit.accInputDer) / unit.numAccumulatedDers;
        unit.accInputDer = unit.numAccumulatedDers = 0;
        for (let j = 0; j < unit.inputLinks.length; j++) {
          const link = unit.inputLinks[j];
          const penalty = link.regularization ? link.regularization.der(link.weight) : 0;
          link.weight -= (rate / link.numAccumulatedDers) * link.accErrorDer + rate * strength * penalty;
          link.accErrorDer = link.numAccumulatedDers = 0;
        }
      }
  }

  return {
    Activations: { TANH },
    Errors: { SQUARE },
    RegularizationFunction: { L2 },
    buildNetwork,
    forwardProp,
    backProp,
    updateWeights,
  };
})();

/* Trains a 2-3-1 network on all points at each step; returns milliseconds, and the fraction of points on their side. */
function trainPlayground(points, classes, steps, hidden, rate, strength) {
  const network = nn.buildNetwork(
    [2, hidden, 1], nn.Activations.TANH, nn.Activations.TANH, nn.RegularizationFunction.L2, ["x", "y"],
  );
  const targets = classes.map((c) => 2 * c - 1);
  const start = performance.now();
  for (let step = 0; step < steps; step++) {
    for (let i = 0; i < points.length; i++) {
      nn.forwardProp(network, points[i]);
      nn.backProp(network, targets[i], nn.Errors.SQUARE);
    }
    nn.updateWeights(network, rate, strength);
  }
  const milliseconds = performance.now() - start;
  const right = points.filter((p, i) => nn.forwardProp(network, p) * targets[i] > 0).length;
  return { milliseconds, accuracy: right / points.length };
}
