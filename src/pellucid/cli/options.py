"""How options of commands are spelt: each is written as it is called, and shows no default that is nothing."""

from cyclopts import Parameter

Option = Parameter(negative="", show_default=False)
