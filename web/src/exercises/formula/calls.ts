/** Functions that formulas call: shapes are checked first. Mirrors `src/pellucid/course/formula_text/calls.py`. */

import type { Evaluator } from "./evaluator";
import { takeItems } from "./indexing";
import { correlate, kron, outer } from "./linear_algebra";
import { type NdArray, broadcastShapes, broadcastTo, count, fill, formatShape, makeNumber, map, pad, reshape, transpose, zip } from "./ndarray";
import type { CallNode, Node } from "./nodes";
import { argmax, logSoftmax, logsumexp, mapRows, max, mean, min, reduce, softmax, sum } from "./reductions";
import { ELEMENTWISE, REDUCTIONS } from "./signatures";

const OF_NUMBERS: Record<string, (value: number) => number> = {
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sqrt: Math.sqrt,
  tanh: Math.tanh,
  sin: Math.sin,
  cos: Math.cos,
  abs: Math.abs,
  sign: Math.sign,
  square: (value) => value * value,
  sigmoid: (value) => 1 / (1 + Math.exp(-value)),
  relu: (value) => Math.max(value, 0),
  zeros_like: () => 0,
  ones_like: () => 1,
};
const OF_ROWS: Record<string, (values: Float64Array) => number> = { sum, mean, max, min, argmax, logsumexp };

type Caller = (e: Evaluator, node: CallNode, first: Node, second: Node) => NdArray;

const CALLS: Record<string, Caller> = {
  maximum: (e, node, first, second) => callPair(e, node, first, second, Math.max),
  minimum: (e, node, first, second) => callPair(e, node, first, second, Math.min),
  matmul: (e, node, first, second) => e.multiply(node, first, second, e.evaluate(first), e.evaluate(second)),
  dot: callDot,
  outer: (e, node, first, second) => callProduct(e, node, first, second, outer),
  kron: (e, node, first, second) => callProduct(e, node, first, second, kron),
  where: callWhere,
  softmax: (e, node, first) => callSoftmax(e, node, first, softmax),
  log_softmax: (e, node, first) => callSoftmax(e, node, first, logSoftmax),
  transpose: callTranspose,
  flip: callFlip,
  reshape: callReshape,
  pad: callPad,
  zeros: (e, node, first) => callFill(e, node, first, 0),
  ones: (e, node, first) => callFill(e, node, first, 1),
  eye: callEye,
  arange: callArange,
  one_hot: callOneHot,
  len: callLen,
  correlate: callCorrelate,
};

export function callFunction(e: Evaluator, node: CallNode): NdArray {
  const [first, second] = node.arguments as Node[];
  if (ELEMENTWISE.includes(node.function)) return map(e.evaluate(first), OF_NUMBERS[node.function]);
  if (REDUCTIONS.includes(node.function)) return callReduction(e, node, first);
  return CALLS[node.function](e, node, first, second);
}

function callReduction(e: Evaluator, node: CallNode, operand: Node): NdArray {
  const x = e.evaluate(operand);
  const axes = e.toAxes(node, node.arguments[1], operand, x.shape);
  const keepdims = e.toTruth(node, node.arguments[2]);
  const reduced = axes ?? x.shape.map((_, axis) => axis);
  if (reduced.some((axis) => x.shape[axis] === 0) && !["sum", "mean"].includes(node.function)) {
    throw e.shapes.error(node, `an empty array has no ${node.function}.`);
  }
  if (node.function === "argmax" && axes && axes.length !== 1) throw e.shapes.error(node, "argmax takes one axis.");
  return reduce(x, reduced, keepdims, OF_ROWS[node.function]);
}

function callPair(e: Evaluator, node: CallNode, first: Node, second: Node, f: (a: number, b: number) => number): NdArray {
  const [x, y] = [e.evaluate(first), e.evaluate(second)];
  e.shapes.charge(node, e.shapes.checkElementwise(node, first, second, x.shape, y.shape));
  return zip(x, y, (a, b) => f(a, b));
}

function callDot(e: Evaluator, node: CallNode, first: Node, second: Node): NdArray {
  const [x, y] = [e.evaluate(first), e.evaluate(second)];
  if (!x.shape.length || !y.shape.length) return zip(x, y, (a, b) => a * b);
  if (Math.max(x.shape.length, y.shape.length) > 2) throw e.shapes.error(node, "dot takes vectors and matrices; write `@`.");
  return e.multiply(node, first, second, x, y);
}

function callProduct(e: Evaluator, node: CallNode, first: Node, second: Node, f: (x: NdArray, y: NdArray) => NdArray): NdArray {
  const [x, y] = [e.evaluate(first), e.evaluate(second)];
  e.shapes.charge(node, [...x.shape, ...y.shape]);
  return f(x, y);
}

function callWhere(e: Evaluator, node: CallNode): NdArray {
  const [condition, first, second] = node.arguments as Node[];
  const [c, x, y] = [e.evaluate(condition), e.evaluate(first), e.evaluate(second)];
  const either = e.shapes.checkElementwise(node, first, second, x.shape, y.shape);
  const shape = e.shapes.checkElementwise(node, condition, first, c.shape, either);
  e.shapes.charge(node, shape);
  const [chosen, a, b] = [c, x, y].map((array) => broadcastTo(array, shape).data);
  return { shape, data: chosen.map((truth, k) => (truth !== 0 ? a[k] : b[k])) };
}

function callSoftmax(e: Evaluator, node: CallNode, operand: Node, f: (values: Float64Array) => Float64Array): NdArray {
  const x = e.evaluate(operand);
  if (!x.shape.length) throw e.shapes.error(node, `${node.function} takes an array, and ${e.shapes.quote(operand)} is a number.`);
  const axes = e.toAxes(node, node.arguments[1], operand, x.shape) ?? [x.shape.length - 1];
  if (axes.length > 1 || x.shape[axes[0]] === 0) throw e.shapes.error(node, `${node.function} takes one axis, which is not empty.`);
  return mapRows(x, axes[0], f);
}

function callTranspose(e: Evaluator, node: CallNode, operand: Node): NdArray {
  const x = e.evaluate(operand);
  const axes = e.toAxes(node, node.arguments[1], operand, x.shape);
  if (axes && axes.length !== x.shape.length) throw e.shapes.error(node, `transpose takes one number for each of ${x.shape.length} axes.`);
  return transpose(x, axes ?? undefined);
}

function callFlip(e: Evaluator, node: CallNode, operand: Node): NdArray {
  const x = e.evaluate(operand);
  const axes = e.toAxes(node, node.arguments[1], operand, x.shape);
  const isFlipped = (axis: number): boolean => axes === null || axes.includes(axis);
  return takeItems(x, x.shape.map((_, axis) => ({ kind: "slice", bounds: [null, null, isFlipped(axis) ? -1 : null] })));
}

function callReshape(e: Evaluator, node: CallNode, operand: Node, sizes: Node): NdArray {
  const x = e.evaluate(operand);
  const shape = [...e.toIntegers(sizes)];
  const known = count(shape.filter((n) => n !== -1));
  const size = x.data.length;
  if (shape.filter((n) => n === -1).length === 1 && known > 0 && size % known === 0) shape[shape.indexOf(-1)] = size / known;
  if (shape.some((n) => n < 0) || count(shape) !== size) {
    const described = `${e.shapes.quote(operand)} has shape ${formatShape(x.shape)}, that is ${size} elements`;
    throw e.shapes.error(node, `${described}; they do not fill ${formatShape(shape)}.`);
  }
  return reshape(x, shape);
}

function callPad(e: Evaluator, node: CallNode, operand: Node, widths: Node): NdArray {
  const x = e.evaluate(operand);
  const ndim = x.shape.length;
  if (!ndim) throw e.shapes.error(node, `pad takes an array, and ${e.shapes.quote(operand)} is a number.`);
  const isList = widths.kind === "tuple" && widths.items.some((item) => item.kind === "tuple");
  const given = isList ? widths.items.map((item) => e.toIntegers(item)) : new Array<number[]>(ndim).fill(e.toIntegers(widths));
  const pairs = given.map((pair) => (pair.length === 1 ? [pair[0], pair[0]] : pair));
  if (pairs.length !== ndim || pairs.some((pair) => pair.length !== 2 || Math.min(...pair) < 0)) {
    throw e.shapes.error(node, `a width or a pair of widths for each of ${ndim} axes is needed, 0 or more.`);
  }
  e.shapes.charge(node, x.shape.map((n, axis) => n + pairs[axis][0] + pairs[axis][1]));
  return pad(x, pairs);
}

function callFill(e: Evaluator, node: CallNode, sizes: Node, value: number): NdArray {
  const shape = e.toIntegers(sizes);
  if (shape.some((n) => n < 0)) throw e.shapes.error(node, `a size of ${formatShape(shape)} is negative.`);
  e.shapes.charge(node, shape);
  return fill(shape, value);
}

function callEye(e: Evaluator, node: CallNode, size: Node): NdArray {
  const n = e.toInteger(size);
  if (n < 0) throw e.shapes.error(node, `the size ${n} is negative.`);
  e.shapes.charge(node, [n, n]);
  return { shape: [n, n], data: Float64Array.from({ length: n * n }, (_, k) => Number(k % (n + 1) === 0)) };
}

function callArange(e: Evaluator, node: CallNode): NdArray {
  const [start, stop, by] = node.arguments.map((part) => part && e.toInteger(part));
  const [first, last] = stop === null ? [0, start!] : [start!, stop];
  if (by === 0) throw e.shapes.error(node, "the step is 0.");
  const step = by ?? 1;
  const length = Math.max(0, Math.ceil((last - first) / step));
  e.shapes.charge(node, [length]);
  return { shape: [length], data: Float64Array.from({ length }, (_, k) => first + k * step) };
}

function callOneHot(e: Evaluator, node: CallNode, operand: Node, classes: Node): NdArray {
  const x = e.evaluate(operand);
  const length = e.toInteger(classes);
  if (length < 1) throw e.shapes.error(node, `the number of classes is ${length}.`);
  e.shapes.charge(node, [...x.shape, length]);
  e.checkIndex(operand, x, length);
  const shape = broadcastShapes([...x.shape, 1], [length])!;
  return { shape, data: Float64Array.from({ length: x.data.length * length }, (_, k) => Number(x.data[Math.floor(k / length)] === k % length)) };
}

function callLen(e: Evaluator, node: CallNode, operand: Node): NdArray {
  const { shape } = e.evaluate(operand);
  if (!shape.length) throw e.shapes.error(node, `${e.shapes.quote(operand)} is a number, without a length.`);
  return makeNumber(shape[0]);
}

function callCorrelate(e: Evaluator, node: CallNode, first: Node, second: Node): NdArray {
  const [x, kernel] = [e.evaluate(first), e.evaluate(second)];
  const [a, b] = [x.shape, kernel.shape];
  if (a.length !== 2 || b.length !== 2 || b.some((m, axis) => m > a[axis] || m === 0)) {
    throw e.shapes.error(node, `${e.shapes.describe(first, second, a, b)} The kernel must be a matrix that fits into the other matrix.`);
  }
  e.shapes.charge(node, [a[0] - b[0] + 1, a[1] - b[1] + 1, ...b]);
  return correlate(x, kernel);
}
