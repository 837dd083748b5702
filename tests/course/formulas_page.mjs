// Reads formulas as the page does: JSON in, JSON out. Bundled by test_formulas_in_pages.py.
import { readFileSync } from "node:fs";
import { computeFingerprint, findByFingerprint } from "../../web/src/exercises/fingerprint";
import { evaluateFormula } from "../../web/src/exercises/formula/evaluator";
import { writeMathml } from "../../web/src/exercises/formula/mathml";
import { parseFormula } from "../../web/src/exercises/formula/parser";
import { FormulaError } from "../../web/src/exercises/formula/tokens";

const { letters, texts, arrays } = JSON.parse(readFileSync(0, "utf8"));
const toArray = ({ shape, data }) => ({ shape, data: Float64Array.from(data) });
const values = new Map(Object.entries(letters).map(([name, array]) => [name, toArray(array)]));
const shapes = new Map([...values].map(([name, { shape }]) => [name, shape]));

function read(text) {
  const result = {};
  try {
    const formula = parseFormula(text, [...values.keys()]);
    result.mathml = writeMathml(formula.tree, shapes);
    const { shape, data } = evaluateFormula(formula, values);
    return { ...result, shape, data: Array.from(data, String) };
  } catch (error) {
    if (!(error instanceof FormulaError)) throw error;
    return { ...result, error: error.message, position: error.position };
  }
}

const fingerprints = arrays.map(([left, right]) => {
  const [a, b] = [toArray(left), toArray(right)];
  return { values: computeFingerprint(a).map(String), equal: Boolean(findByFingerprint(a, [{ shape: b.shape, fingerprint: computeFingerprint(b) }])) };
});
console.log(JSON.stringify({ formulas: texts.map(read), fingerprints }));
