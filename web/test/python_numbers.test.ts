import assert from "node:assert/strict";
import { test } from "node:test";
import { unravel } from "../src/arithmetic";
import { formatPython } from "../src/python_numbers";

test("numbers are printed as Python prints them", () => {
  const cases: [number, number, string][] = [
    [0, 4, "0"],
    [-0, 4, "-0"],
    [1200.5, 6, "1200.5"],
    [2.0625, 4, "2.062"],
    [2.1875, 4, "2.188"],
    [99995, 4, "1e+05"],
    [0.0001, 4, "0.0001"],
    [0.00009999999, 4, "0.0001"],
    [0.00001234567, 4, "1.235e-05"],
    [-123456, 6, "-123456"],
    [1e22, 4, "1e+22"],
    [1e-300, 4, "1e-300"],
    [Infinity, 4, "inf"],
    [-Infinity, 4, "-inf"],
    [NaN, 4, "nan"],
  ];
  for (const [value, digits, text] of cases) assert.equal(formatPython(value, "float64", digits), text);
  assert.equal(formatPython(12345678, "int32"), "12345678");
  assert.equal(formatPython(9007199254740993n, "int64"), "9007199254740993");
  assert.equal(formatPython(1, "bool"), "True");
});

test("positions become indices", () => {
  assert.deepEqual(unravel(7, [2, 4]), [1, 3]);
  assert.deepEqual(unravel(0, []), []);
});
