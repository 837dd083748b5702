"""The rewrite rules, one family a file, in the order in which they are tried."""

from pellucid.graph.rules import algebra, loops, shapes, stabilize

__all__ = ["algebra", "loops", "shapes", "stabilize"]
