// Prints the arithmetic of elements as the page writes it: JSON in, JSON out. Bundled by test_numbers.py.
import { readFileSync } from "node:fs";
import { joinParts, makeArithmetic } from "../../web/src/arithmetic";

const { parts, values, dtypes, elements } = JSON.parse(readFileSync(0, "utf8"));
const arithmetic = makeArithmetic(parts, (of) => ({ array: values[of], dtype: dtypes[of] }));
const explained = elements.map((element) => {
  const { name, value, kind, names, numbers, where } = arithmetic.explain(element);
  const lines = [names, numbers].flatMap((parts) => (parts ? [`  = ${joinParts(parts)}`] : []));
  const definitions = where.map((definition, k) => `  ${k ? "     " : "where"} ${definition}`);
  const operands = (names ?? []).flatMap((part) => (part.element ? [part.text] : []));
  return { kind, operands, text: [`${name} = ${value}`, ...lines, ...definitions].join("\n") };
});
console.log(JSON.stringify(explained));
