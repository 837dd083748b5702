"""LaTeX as MathML, and self-contained HTML pages without scripts or network access."""

from __future__ import annotations

import re
from html import escape
from itertools import pairwise
from xml.etree.ElementTree import Element, tostring

SCRIPTS = frozenset(["msub", "msup", "msubsup", "munder", "mover", "munderover"])
ROWS = frozenset(["math", "mrow", "mtd", "mstyle"])

LIMITS = {"msub": "munder", "msup": "mover", "msubsup": "munderover"}
"""Elements that put the limits of a big operator below and above it."""

BIG_OPERATORS = frozenset(["&#x02211;", "&#x0220F;", "∑", "∏", "max", "min"])

CLOSING = frozenset(["&#x00029;", "]", ")", "&#x0005D;"])
BARS = frozenset(["|", "&#x0007C;", "&#x02016;"])
"""Delimiters that look the same on both sides."""

SIGNS = frozenset(["&#x02212;", "&#x0002B;", "−", "+"])
THIN_SPACE = "0.167em"
"""Space of TeX between a function and an argument without parentheses."""

ODD_NAME = re.compile(r"\\operatorname\{((?:[^{}]|\\_)*[^A-Za-z{}](?:[^{}])*)\}")
"""Function names with other characters than letters, such as atan2, which the converter would read as a product."""

SEPARATORS = re.compile(r"&#x0005F;|[_-]")

FONTS = (
    "'STIX Two Math', 'Latin Modern Math', 'Cambria Math', 'TeX Gyre Termes Math', 'Libertinus Math', "
    "'DejaVu Math TeX Gyre', 'STIX', math"
)
"""Math fonts. Most machines have one of them, but some browsers do not choose it by default."""

STYLE = """
body { font: 17px/1.55 Georgia, "Times New Roman", serif; color: #1c1c1e; background: #fff; max-width: 54rem;
  margin: 2.5rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.7rem; font-weight: 600; margin: 0 0 .4rem; }
h2 { font-size: 1.1rem; font-weight: 600; margin: 2rem 0 .6rem; }
math { font-size: 1.12em; }
math[display="block"] { display: block math; width: fit-content; max-width: calc(100% - .6rem); overflow-x: auto;
  overflow-y: hidden; margin: .7rem 0 .7rem .6rem; }
.numbers { font-size: .85em; overflow-x: auto; overflow-y: hidden; }
ol.steps { list-style: none; padding: 0; margin: 0; counter-reset: step; }
ol.steps > li { counter-increment: step; border-top: 1px solid #d9d9de; padding: .9rem 0 .9rem 2.6rem;
  position: relative; }
ol.steps > li::before { content: counter(step); position: absolute; left: 0; top: 1rem; font: 600 .95rem sans-serif;
  color: #8a5a00; }
.rule, .note { color: #55555c; font-size: .92rem; margin: .25rem 0; overflow-x: auto; overflow-y: hidden; }
.rule math, .note math { font-size: 1.02em; }
pre { font: .82rem/1.4 ui-monospace, Consolas, monospace; background: #f5f5f2; padding: .6rem .8rem; overflow-x: auto;
  margin: .5rem 0; }
table { border-collapse: collapse; font-size: .9rem; margin: .6rem 0; }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid #d9d9de; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
tr.wrong td { color: #a01818; }
mark { background: #fff0c2; color: inherit; padding: 0 .15em; }
ul.why { list-style: none; padding-left: 1.3rem; border-left: 2px solid #e5e5ea; margin: .3rem 0; }
details > summary { cursor: pointer; }
@media (prefers-color-scheme: dark) {
  :root { color-scheme: dark; }
  body { color: #e6e6ea; background: #111418; }
  ol.steps > li, th, td, ul.why { border-color: #3a3f47; }
  ol.steps > li::before { color: #ffb454; }
  .rule, .note { color: #b4b7be; }
  pre { background: #1b2027; }
  tr.wrong td { color: #ff9a90; }
  mark { background: #4a3b00; }
}
"""


def latex_to_mathml(latex: str, display: str = "block") -> str:
    """Convert a LaTeX formula for math mode to a MathML ``<math>`` element, with display "block" or "inline".

    Examples
    --------
    >>> latex_to_mathml("x^2")[:5]
    '<math'
    """
    from latex2mathml.converter import convert_to_element

    root = convert_to_element(
        re.sub(ODD_NAME, lambda m: rf"\text{{{m[1].replace(chr(92), '')}}}", latex), display=display
    )
    for element in root.iter():
        align = element.get("columnalign")
        if align:
            # MathML Core has no columnalign attribute; browsers support the style.
            gap = "0" if element.find("mi") is not None and not element[0].text and align == "left" else "0.4em"
            element.set("style", f"text-align: -webkit-{align}; padding-left: {gap}; padding-right: {gap}")
        if element.tag in LIMITS and display == "block" and element[0].text in BIG_OPERATORS:
            element.tag = LIMITS[element.tag]
        adjust_spacing(element)
    root.set("style", f"font-family: {FONTS}")
    markup = tostring(root, encoding="unicode", method="html").replace("&amp;#x", "&#x")
    # The overline stretches with the letter below it; the macron accent of the converter does not.
    return markup.replace("&#x000AF;", "&#x0203E;")


def adjust_spacing(row: Element) -> None:
    """Space function names as TeX does, and mark signs without left operand as prefix operators."""
    for name in row:
        if name.tag == "mrow" and len(name) > 1 and all(c.get("mathvariant") == "normal" for c in name):
            name.tag, name.text = "mi", "".join(letter.text or "" for letter in name)
            del name[:]
        if name.tag == "mo" and (name.text or "").isalpha():
            name.tag = "mi"
            if len(name.text or "") == 1:
                name.set("mathvariant", "normal")
    for index, (left, right) in reversed(list(enumerate(pairwise(list(row)), start=1))):
        # A sign is a prefix after an equality, a product or an opening parenthesis.
        if right.tag == "mo" and right.text in SIGNS and left.tag == "mo" and left.text not in CLOSING | BARS:
            right.set("form", "prefix")
        needs_space = "mspace" not in (left.tag, right.tag) and right.tag != "mo" and not is_operator(left)
        if row.tag in ROWS and needs_space and (is_function(left) or is_function(right)):
            row.insert(index, Element("mspace", width=THIN_SPACE))


def get_base(element: Element) -> Element:
    """Return an element without its indices and exponents."""
    while element.tag in SCRIPTS:
        element = element[0]
    return element


def is_function(element: Element) -> bool:
    """Check for the name of a function, such as log, with or without an exponent."""
    name = get_base(element)
    letters = re.sub(SEPARATORS, "", name.text or "")
    is_name = name.tag == "mi" and (len(letters) > 1 or name.get("mathvariant") == "normal")
    return letters.isalnum() and letters[0].isalpha() and (is_name or name.tag in ("mo", "mtext"))


def is_operator(element: Element) -> bool:
    """Check for an operator or an opening parenthesis, which have their own space."""
    sign = get_base(element)
    return sign.tag == "mo" and sign.text not in CLOSING and not is_function(sign)


def render_page(title: str, body: str, style: str = "") -> str:
    """Return an HTML page with all styles inline.

    Examples
    --------
    >>> "<h1>The chain rule</h1>" in render_page("The chain rule", "<p>Step by step.</p>")
    True
    """
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}{style}</style>
</head>
<body>
<h1>{escape(title)}</h1>
{body}
</body>
</html>
"""
