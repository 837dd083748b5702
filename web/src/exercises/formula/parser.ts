/** Parser of formulas, by precedence climbing. Mirrors `src/pellucid/course/formula_text/parser.py`, message by message. */

import { nearMiss } from "./near_miss";
import { COMPARISONS, type CallNode, type Node } from "./nodes";
import { ALIASES, MODULES, PARAMETERS, USUAL_NAMES } from "./signatures";
import { FormulaError, SPACE, type Token, tokenize } from "./tokens";

const MAX_DEPTH = 100;
const MAX_NESTING = 50;
const POWER = 5;
const PRECEDENCE = new Map([...COMPARISONS.map((sign): [string, number] => [sign, 1]), ["+", 2], ["-", 2], ["*", 3], ["/", 3], ["@", 3], ["**", POWER]]);
const CONSTANTS = ["None", "True", "False"];
const KEYWORDS =
  "and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield".split(
    " ",
  );

/** A node before its depth is known. */
type Draft = Node extends infer N ? (N extends Node ? Omit<N, "depth"> : never) : never;

export interface Formula {
  characters: string[];
  tree: Node;
}

/** Reads a formula that uses the given letters, or throws a `FormulaError`. A left side such as `dW1 =` is dropped. */
export function parseFormula(text: string, letters: string[]): Formula {
  const characters = Array.from(text);
  return { characters, tree: new Parser(characters, letters).parse() };
}

/** Part of a formula on one line, cut to the length that fits a message. */
export function quote(characters: string[], start: number, end: number): string {
  const words = characters.slice(start, end).map((character) => (SPACE.test(character) ? " " : character));
  const part = Array.from(words.join("").replace(/ +/g, " ").replace(/^ | $/g, ""));
  return part.length <= 40 ? part.join("") : `${part.slice(0, 39).join("")}…`;
}

class Parser {
  private readonly tokens: Token[];
  private at = 0;
  private nesting = 0;

  constructor(
    private readonly characters: string[],
    private readonly letters: string[],
  ) {
    this.tokens = tokenize(characters);
  }

  parse(): Node {
    this.skipLeftSide();
    if (this.isAtEnd()) throw this.error(this.at === 0 ? "The formula is empty: write for example `X @ W1`" : "Nothing follows `=`");
    const node = this.parseExpression(0);
    if (!this.isAtEnd()) throw this.makeRestError();
    return node;
  }

  private get token(): Token {
    return this.tokens[this.at];
  }

  private isAtEnd(): boolean {
    return this.token.kind === "end";
  }

  private get lastEnd(): number {
    return this.tokens[this.at - 1].end;
  }

  private error(message: string, position = this.token.start): FormulaError {
    return new FormulaError(`${message} (character ${position + 1}).`, position);
  }

  /** Steps over an operator if it is next. */
  private accept(sign: string): boolean {
    const found = this.token.kind === "op" && this.token.text === sign;
    if (found) this.at++;
    return found;
  }

  private make(draft: Draft, children: (Node | null)[]): Node {
    const depth = 1 + Math.max(0, ...children.map((child) => child?.depth ?? 0));
    if (depth > MAX_DEPTH) throw this.error(`The formula is too long: it nests more than ${MAX_DEPTH} operations`, draft.start);
    return { ...draft, depth } as Node;
  }

  /** Steps over `name =` and `name / name =`. */
  private skipLeftSide(): void {
    for (const pattern of [
      ["name", "="],
      ["name", "/", "name", "="],
    ]) {
      const fits = (wanted: string, k: number): boolean => {
        const token = this.tokens[k];
        return token !== undefined && (wanted === "name" ? token.kind === "name" : token.text === wanted);
      };
      if (pattern.every(fits)) this.at = pattern.length;
    }
  }

  private makeRestError(): FormulaError {
    const sign = this.token.text;
    if (sign === ")" || sign === "]") return this.error(`The \`${sign}\` has no \`${sign === ")" ? "(" : "["}\` before it`);
    if (sign === "=") return this.error("Only one `=` is allowed, after the name of the result. A comparison is `==`");
    if (sign === ",") return this.error("A formula is one expression, without a comma outside of parentheses");
    return this.error(`Unexpected \`${sign}\``);
  }

  /** Reads operators that bind at least as tightly as a level. */
  private parseExpression(level: number): Node {
    if (++this.nesting > MAX_NESTING) throw this.error(`The formula is nested too deeply: more than ${MAX_NESTING} levels`);
    let left = this.parsePrefix();
    for (;;) {
      this.checkNoImpliedProduct(left);
      const operator = this.token.kind === "op" ? this.token.text : "";
      const precedence = PRECEDENCE.get(operator) ?? -1;
      if (precedence < level || precedence < 0) break;
      const isChain = COMPARISONS.includes(operator) && left.kind === "binary" && COMPARISONS.includes(left.operator);
      if (isChain && left.kind === "binary" && left.start === left.left.start) {
        throw this.error("Compare two values at a time: write `(a < b) * (b < c)` for `a < b < c`");
      }
      this.at++;
      const right = this.parseExpression(operator === "**" ? POWER : precedence + 1);
      left = this.make({ kind: "binary", start: left.start, end: right.end, operator, left, right }, [left, right]);
    }
    this.nesting--;
    return left;
  }

  /** Refuses what follows an operand without an operator, and signs of other notations. */
  private checkNoImpliedProduct(left: Node): void {
    const { kind, text } = this.token;
    const before = quote(this.characters, left.start, left.end);
    if (kind === "name" && KEYWORDS.includes(text)) throw this.makeKeywordError();
    if (kind === "name" || kind === "number" || text === "(") {
      const after = text === "(" ? "(…)" : text;
      const product = kind !== "number" && left.kind !== "number" ? `, or \`${before} @ ${after}\` for a matrix product` : "";
      throw this.error(`There is no operator between \`${before}\` and \`${after}\`. Write \`${before} * ${after}\`${product}`);
    }
    if (text === "'") throw this.error(`Write \`${before}.T\` for the transpose, not \`${before}'\``);
    if (text === "^" && this.tokens[this.at + 1].text === "T") throw this.error(`Write \`${before}.T\` for the transpose, not \`${before}^T\``);
    if (text === "^") throw this.error(`Write \`**\` for a power, such as \`${before} ** 2\`, not \`^\``);
    if (text === "//") throw this.error("Write `/` for a division, not `//`");
  }

  private makeKeywordError(): FormulaError {
    return this.error(`\`${this.token.text}\` is not part of a formula. Write an expression of letters, numbers and functions`);
  }

  private parsePrefix(): Node {
    const { start } = this.token;
    if (this.accept("-")) {
      const operand = this.parseExpression(POWER);
      return this.make({ kind: "negative", start, end: operand.end, operand }, [operand]);
    }
    if (this.accept("+")) return this.parseExpression(POWER);
    return this.parsePostfix(this.parseOperand());
  }

  private parseOperand(): Node {
    const token = this.token;
    const { kind, text, start, end } = token;
    if (kind === "number") {
      this.at++;
      const value = Number(text);
      if (value === Infinity) throw this.error(`The number ${quote(Array.from(text), 0, 50)} is too large`, start);
      return { kind: "number", start, end, depth: 1, text, value };
    }
    if (kind === "name") return this.parseName();
    if (this.accept("(")) return this.parseParentheses(token);
    if (kind === "end") throw this.error(`The formula ends after \`${this.tokens[this.at - 1].text}\`: something is missing`);
    if (text === "[") throw this.error("A list cannot be written here: brackets only choose elements, as in `p[arange(n), y]`");
    throw this.error(`Something is missing before \`${text}\``);
  }

  private parseParentheses(opening: Token): Node {
    const first = this.parseExpression(0);
    const items = [first];
    const isTuple = this.token.text === ",";
    while (this.accept(",") && this.token.text !== ")") items.push(this.parseExpression(0));
    this.close(opening);
    if (!isTuple) return { ...first, start: opening.start, end: this.lastEnd };
    return this.make({ kind: "tuple", start: opening.start, end: this.lastEnd, items }, items);
  }

  private close(opening: Token): void {
    const closing = opening.text === "(" ? ")" : "]";
    if (this.accept(closing)) return;
    if (this.token.kind === "end") throw this.error(`The \`${opening.text}\` is not closed: a \`${closing}\` is missing`, opening.start);
    throw this.error(`Expected \`${closing}\` but found \`${this.token.text}\``);
  }

  private parseName(): Node {
    const token = this.token;
    const { text: name, start, end } = token;
    if (KEYWORDS.includes(name)) throw this.makeKeywordError();
    this.at++;
    const isCall = this.token.text === "(";
    if (this.letters.includes(name) && !(isCall && PARAMETERS.has(name))) return { kind: "letter", start, end, depth: 1, name };
    if (CONSTANTS.includes(name)) return { kind: "constant", start, end, depth: 1, name };
    if (MODULES.includes(name) && this.accept(".")) return this.parseMember(token);
    if (isCall) return this.parseCall(token, null);
    if (PARAMETERS.has(name) || ALIASES.has(name)) throw this.error(`The function \`${name}\` needs parentheses: write \`${name}(…)\``, start);
    throw this.makeLetterError(token);
  }

  /** Reads the function after `np.`. */
  private parseMember(module: Token): Node {
    const token = this.token;
    const { text: name, end } = token;
    if (token.kind !== "name") throw this.error(`The name of a function is missing after \`${module.text}.\``);
    this.at++;
    if (name === "newaxis") return { kind: "constant", start: module.start, end, depth: 1, name: "None" };
    if (this.token.text !== "(") {
      if (!PARAMETERS.has(name) && !ALIASES.has(name)) throw this.makeFunctionError(token);
      throw this.error(`The function \`${name}\` needs parentheses: write \`${name}(…)\``, token.start);
    }
    return this.parseCall({ ...token, start: module.start }, null);
  }

  private makeLetterError({ text, start }: Token): FormulaError {
    const hint = text === "T" ? " The transpose of X is `X.T`." : nearMiss(text, this.letters);
    const listed = this.letters.length ? ` The letters here are ${this.letters.join(", ")}.` : "";
    return new FormulaError(`Unknown letter '${text}' (character ${start + 1}).${hint}${listed}`, start);
  }

  private makeFunctionError({ text, start }: Token): FormulaError {
    const usual = USUAL_NAMES.get(text);
    const hint = usual ? ` Write \`${usual}\`.` : nearMiss(text, PARAMETERS.keys());
    return new FormulaError(`Unknown function '${text}' (character ${start + 1}).${hint}`, start);
  }

  /** Reads indices, `.T`, `.shape` and methods after an operand. */
  private parsePostfix(first: Node): Node {
    let node = first;
    for (;;) {
      const opening = this.token;
      if (this.accept("[")) {
        const items = this.parseItems(opening);
        node = this.make({ kind: "index", start: node.start, end: this.lastEnd, base: node, items }, [node, ...items]);
      } else if (this.accept(".")) node = this.parseAttribute(node);
      else return node;
    }
  }

  private parseAttribute(base: Node): Node {
    const token = this.token;
    const { text, start, end } = token;
    if (token.kind !== "name") throw this.error("The name of a method is missing after `.`");
    this.at++;
    if (this.token.text === "(" && text !== "T") return this.parseCall(token, base);
    if (text === "T") return this.make({ kind: "call", start: base.start, end, function: "transpose", arguments: [base, null] }, [base]);
    if (text === "shape") return this.make({ kind: "shape", start: base.start, end, base }, [base]);
    if (PARAMETERS.has(text)) throw this.error(`The function \`${text}\` needs parentheses: write \`.${text}(…)\``, start);
    const hint = nearMiss(text, ["T", "shape", ...PARAMETERS.keys()]);
    throw new FormulaError(`Unknown attribute '${text}' (character ${start + 1}).${hint}`, start);
  }

  private parseItems(opening: Token): Node[] {
    const items: Node[] = [];
    while (this.token.text !== "]" || !items.length) {
      items.push(this.parseItem());
      if (!this.accept(",")) break;
    }
    this.close(opening);
    return items;
  }

  /** Reads an index or a slice. */
  private parseItem(): Node {
    const { start } = this.token;
    const bounds: (Node | null)[] = [];
    do {
      const isPart = ![":", ",", "]"].includes(this.token.text);
      bounds.push(isPart || (!bounds.length && this.token.text !== ":") ? this.parseExpression(0) : null);
    } while (bounds.length < 3 && this.accept(":"));
    if (bounds.length === 1) return bounds[0]!;
    while (bounds.length < 3) bounds.push(null);
    return this.make({ kind: "slice", start, end: this.lastEnd, bounds }, bounds);
  }

  /** Reads arguments. `base` is the array before a method. */
  private parseCall(name: Token, base: Node | null): Node {
    const called = ALIASES.get(name.text) ?? name.text;
    if (!PARAMETERS.has(called)) throw this.makeFunctionError(name);
    const opening = this.token;
    this.accept("(");
    const positional = base ? [base] : [];
    const keywords = new Map<string, Node>();
    while (this.token.text !== ")") {
      if (this.token.kind === "name" && this.tokens[this.at + 1].text === "=") {
        const named = this.token;
        this.checkKeyword(called, named, positional.length, keywords);
        this.at += 2;
        keywords.set(named.text, this.parseExpression(0));
      } else if (keywords.size) throw this.error(`${called}: write arguments without a name before those with one`);
      else positional.push(this.parseExpression(0));
      if (!this.accept(",")) break;
    }
    this.close(opening);
    const ordered = this.orderArguments(called, positional, keywords, name.start);
    const draft: Omit<CallNode, "depth"> = { kind: "call", start: (base ?? name).start, end: this.lastEnd, function: called, arguments: ordered };
    return this.make(draft, ordered);
  }

  private checkKeyword(called: string, named: Token, count: number, keywords: Map<string, Node>): void {
    const names = listNames(called);
    if (!names.includes(named.text)) {
      const hint = nearMiss(named.text, names);
      throw new FormulaError(`${called} has no argument '${named.text}' (character ${named.start + 1}).${hint}`, named.start);
    }
    if (names.indexOf(named.text) < count || keywords.has(named.text)) throw this.error(`${called} receives the argument '${named.text}' twice`);
  }

  /** One argument for each parameter, null where the default applies. */
  private orderArguments(called: string, given: Node[], keywords: Map<string, Node>, position: number): (Node | null)[] {
    const parameters = PARAMETERS.get(called)!;
    const names = listNames(called);
    let positional = given;
    if (called === "reshape" && given.length > 2) {
      const items = given.slice(1);
      positional = [given[0], this.make({ kind: "tuple", start: items[0].start, end: items[items.length - 1].end, items }, items)];
    }
    const takes = `${called} takes ${names.join(", ")}`;
    if (positional.length > names.length) throw this.error(`${takes}; here are ${positional.length} arguments`, position);
    const ordered = [...positional, ...names.slice(positional.length).map((name) => keywords.get(name) ?? null)];
    const missing = parameters.find((parameter, k) => !ordered[k] && !parameter.includes("="));
    if (missing) throw this.error(`${takes}; ${missing} is missing`, position);
    return ordered;
  }
}

const listNames = (called: string): string[] => PARAMETERS.get(called)!.map((parameter) => parameter.split("=")[0]);
