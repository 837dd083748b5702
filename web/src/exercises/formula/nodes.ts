/** Syntax trees of formulas. Each node knows the part of the text that it was read from, with its parentheses. */

interface Place {
  start: number;
  end: number;
  /** Number of nodes on the longest path to a leaf. */
  depth: number;
}

export type NumberNode = Place & { kind: "number"; text: string; value: number };
export type LetterNode = Place & { kind: "letter"; name: string };
/** `None`, `True` or `False`, which only indices and arguments can be. */
export type ConstantNode = Place & { kind: "constant"; name: string };
export type NegativeNode = Place & { kind: "negative"; operand: Node };
export type BinaryNode = Place & { kind: "binary"; operator: string; left: Node; right: Node };
/** Arguments are in the order of the function's parameters, null where one is left out. */
export type CallNode = Place & { kind: "call"; function: string; arguments: (Node | null)[] };
export type IndexNode = Place & { kind: "index"; base: Node; items: Node[] };
export type SliceNode = Place & { kind: "slice"; bounds: (Node | null)[] };
export type TupleNode = Place & { kind: "tuple"; items: Node[] };
export type ShapeNode = Place & { kind: "shape"; base: Node };

export type Node =
  | NumberNode
  | LetterNode
  | ConstantNode
  | NegativeNode
  | BinaryNode
  | CallNode
  | IndexNode
  | SliceNode
  | TupleNode
  | ShapeNode;

export const COMPARISONS = ["<", ">", "<=", ">=", "==", "!="];

export const isNone = (node: Node | null): boolean => node?.kind === "constant" && node.name === "None";
