// Prints the arithmetic of elements as the page writes it: a list in JSON in, one in JSON out. Bundled by test_numbers.py.
import { readFileSync } from "node:fs";
import { joinParts, makeArithmetic } from "../../web/src/arithmetic";

function explain({ parts, values, dtypes, elements }) {
  const arithmetic = makeArithmetic(parts, (of) => ({ array: values[of], dtype: dtypes[of] }));
  return elements.map((element) => {
    const { name, value, kind, names, numbers, where } = arithmetic.explain(element);
    const lines = [names, numbers].flatMap((parts) => (parts ? [`  = ${joinParts(parts)}`] : []));
    const definitions = where.map((definition, k) => `  ${k ? "     " : "where"} ${definition}`);
    const operands = (names ?? []).flatMap((part) => (part.element ? [part.text] : []));
    return { kind, operands, text: [`${name} = ${value}`, ...lines, ...definitions].join("\n") };
  });
}

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(explain)));
