/** Tokens of formulas. Mirrors `src/pellucid/course/formula_text/tokens.py`. Positions count code points, as in Python. */

export class FormulaError extends Error {
  /** `position` is the number of characters before the place of the mistake. */
  constructor(message: string, readonly position: number) {
    super(message);
  }
}

export interface Token {
  kind: "number" | "name" | "op" | "end";
  text: string;
  start: number;
  end: number;
}

const MAX_CHARACTERS = 2000;
const NUMBER = /(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?/y;
const OPERATORS = ["**", "//", "==", "!=", "<=", ">=", ..."+-*/@<>=()[],.:^'"];

/** Operators of mathematics and of word processors, as Python writes them. */
const REPLACEMENTS: Record<string, string> = {
  "−": "-",
  "–": "-",
  "×": "*",
  "·": "*",
  "⋅": "*",
  "∗": "*",
  "⊙": "*",
  "÷": "/",
  "≤": "<=",
  "≥": ">=",
  "≠": "!=",
  "’": "'",
  "′": "'",
};
const SUPERSCRIPTS: Record<string, string> = { "²": "2", "³": "3", "⁴": "4" };
const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";
const TRANSPOSITIONS = ["ᵀ", "⊤"];

/** What Python takes as whitespace. */
export const SPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/** Splits a formula into tokens; the last one marks the end. */
export function tokenize(characters: string[]): Token[] {
  const count = characters.length;
  if (count > MAX_CHARACTERS) throw new FormulaError(`The formula has ${count} characters; at most ${MAX_CHARACTERS} are read.`, MAX_CHARACTERS);
  const tokens: Token[] = [];
  // Characters outside of the basic plane have two units; one placeholder keeps positions equal.
  const text = characters.map((character) => (character.length > 1 ? "\uffff" : character)).join("");
  let position = 0;
  while (position < count) {
    if (SPACE.test(characters[position])) {
      position++;
      continue;
    }
    const read = readTokens(characters, text, position);
    if (!read.length) throw new FormulaError(`Unexpected \`${characters[position]}\` (character ${position + 1}).`, position);
    tokens.push(...read);
    position = read[read.length - 1].end;
  }
  return [...tokens, { kind: "end", text: "", start: count, end: count }];
}

/** Reads the token at a position; a superscript gives two. The result is empty if the character belongs to none. */
function readTokens(characters: string[], text: string, start: number): Token[] {
  const make = (kind: Token["kind"], content: string, end = start + 1): Token => ({ kind, text: content, start, end });
  const character = characters[start];
  if (Object.hasOwn(SUPERSCRIPTS, character)) return [make("op", "**"), make("number", SUPERSCRIPTS[character])];
  if (TRANSPOSITIONS.includes(character)) return [make("op", "."), make("name", "T")];
  if (Object.hasOwn(REPLACEMENTS, character)) return [make("op", REPLACEMENTS[character])];
  NUMBER.lastIndex = start;
  const number = NUMBER.exec(text);
  if (number) return [make("number", number[0], start + number[0].length)];
  let end = start;
  while (end < characters.length && isPartOfName(characters[end], end > start)) end++;
  const name = characters.slice(start, end).join("");
  if (name) return [make("name", name.replace(/[₀-₉]/g, (digit) => String(SUBSCRIPTS.indexOf(digit))), end)];
  const sign = OPERATORS.find((operator) => text.startsWith(operator, start));
  return sign ? [make("op", sign, start + sign.length)] : [];
}

function isPartOfName(character: string, canBeDigit: boolean): boolean {
  if (TRANSPOSITIONS.includes(character)) return false;
  return /^[\p{L}_]$/u.test(character) || (canBeDigit && /^[0-9₀-₉]$/.test(character));
}
