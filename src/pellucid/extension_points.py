"""Functions that lower packages call and higher packages implement.

An expression has LaTeX and a value, but the packages that render and compile it are built on expressions. Such a
package registers its function here when it is imported. `pellucid` declares which module that is, so that it is
imported when the function is first called::

    @expression_html.register
    def render_html(e): ...


    expression_html.declare_provider("pellucid.show.pages.notebook")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

if TYPE_CHECKING:
    from pellucid.typing import Mode

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])


class MissingExtensionError(RuntimeError):
    """A function that no package has registered."""


class Extension(Generic[P, R]):
    """One function that a higher package implements.

    Parameters
    ----------
    purpose : str
        The result of the function, for error messages.
    """

    def __init__(self, purpose: str) -> None:
        self.purpose = purpose
        self._function: Callable[P, R] | None = None
        self._provider: str | None = None

    def register(self, function: F) -> F:
        """Register the implementation. A later one replaces an earlier one."""
        self._function = function
        return function

    def declare_provider(self, module: str) -> None:
        """Name the module that registers the implementation when it is imported."""
        self._provider = module

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if self._function is None and self._provider is not None:
            import_module(self._provider)
        if self._function is None:
            source = (
                "import the package that registers it"
                if self._provider is None
                else f"{self._provider} should register it"
            )
            raise MissingExtensionError(f"No function for {self.purpose} is registered; {source}")
        return self._function(*args, **kwargs)


expression_text: Extension[[Any, int], str] = Extension("the text of an expression")
op_text: Extension[[Any, Sequence[Any], Mapping[str, Any], int, Mapping[Any, str]], str] = Extension(
    "the text of an op on operands"
)
expression_value: Extension[[Any, Mapping[Any, Any] | None, Mode], Any] = Extension("the value of an expression")
gathered_value: Extension[[Any], Any] = Extension("the value of a variable that is divided over processes")
size_expression: Extension[..., Any] = Extension("the value of a size as an expression")
expression_copy: Extension[[Any, dict[int, Any]], Any] = Extension("the copy of an expression")
expression_reduction: Extension[[Any], Any] = Extension("the parts of an expression that pickle stores")
expression_latex: Extension[[Any], str] = Extension("the LaTeX of an expression")
expression_html: Extension[[Any], str] = Extension("the HTML of an expression")
function_html: Extension[[Any], str] = Extension("the HTML of a function")
model_expressions: Extension[[Any, bool], Any] = Extension("the expressions of a model")
model_latex: Extension[[Any, Any, bool], str] = Extension("the LaTeX of a model")
journal_text: Extension[[Any], str] = Extension("the text of a journal")
journal_html: Extension[[Any], str] = Extension("the HTML of a journal")
journal_check: Extension[[Any, Mapping[Any, Any] | None], Any] = Extension("the check of a journal")
optimizer_latex: Extension[[Any], str] = Extension("the LaTeX of an optimizer")
optimizer_html: Extension[[Any], str] = Extension("the HTML of an optimizer")
result_html: Extension[[str], str] = Extension("the style of results in notebooks")
