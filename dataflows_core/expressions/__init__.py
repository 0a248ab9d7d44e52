"""SQL expressions over the rows of a batch: one scalar expression each, exact, and locked in.

What happens to the text of an expression, module by module:

    scan       refused: comments, several statements, parameters, text without end
    parse      DuckDB's parser gives a tree; only known constructs pass             -> Node
    limits     refused: what multiplies memory
    bind       names become fields, types are found, numbers are kept exact         -> Typed
    query      planned once; then, for each batch:
    emit         SQL is written for the batch's numbers, which cannot overflow in it
    engine       a locked DuckDB runs it over the columns that the expression names
    exact        what needs longer numbers is computed in Python instead
    results      the values are brought to the announced type, or an error names the first that does not fit

Numbers are decimals without limits while an expression is computed, and a result must fit its field: 12
decimals, or as many as a field in the expression has. Only a quotient is rounded, half-even at those
decimals, and so is a product with a quotient in it. A quotient by zero is null. ``round`` rounds ties away
from zero, and a cast never rounds: it fails (`try_cast` gives null).
"""

from __future__ import annotations

from dataflows_core.expressions.nodes import Node
from dataflows_core.expressions.parse import parse_expression
from dataflows_core.expressions.query import Query, fuse, plan_query

__all__ = ["Node", "Query", "fuse", "parse_expression", "plan_query"]
