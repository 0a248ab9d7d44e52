"""Rows that have a key in common, and what becomes of their fields: for join, join_with_self and lookup.

keys        which fields rows are matched by; two keys are equal when their texts are
aggregates  what is made of the values that a field has in the rows of one key: types and SQL
elements    values as items of a JSON array, for the aggregates that keep all of them
plan        the `fields` parameter, checked against a schema; the SQL that groups rows
"""

from __future__ import annotations
