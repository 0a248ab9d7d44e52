"""Parameters of a flow function, from text: ``--set NAME=VALUE``."""

from __future__ import annotations

import datetime as dt
import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from dataflows_core.errors import FlowError, near_misses

__all__ = ["arguments_for"]


def _boolean(text: str) -> bool:
    if text.lower() in ("true", "yes", "1", "on"):
        return True
    if text.lower() in ("false", "no", "0", "off"):
        return False
    raise ValueError(text)


CONVERTERS: Mapping[Any, Callable[[str], Any]] = {
    bool: _boolean,
    int: int,
    float: float,
    Decimal: Decimal,
    Path: Path,
    dt.date: dt.date.fromisoformat,
    dt.datetime: dt.datetime.fromisoformat,
    str: str,
    Any: str,
    object: str,
}
"""How the text of a parameter becomes a value of its annotation."""


def arguments_for(function: Callable[..., Any], settings: Sequence[str]) -> dict[str, Any]:
    """The arguments that the command line gives to a flow function.

    Args:
        function: The function; its annotations say what each text becomes: int, float, bool, Decimal,
            Path, date, datetime or str, or one of them or None. Without an annotation, the type of the
            default decides.
        settings: ``"NAME=VALUE"``, each.

    Raises:
        FlowError: A setting has no ``=``, its name is unknown, its value is not of its type, or a parameter
            without a default is not set.
    """
    parameters = inspect.signature(function).parameters
    hints = _annotations(function)
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    named = {n: p for n, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    arguments: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise FlowError(f"--set takes NAME=VALUE, not {setting!r}")
        if name not in named and not open_ended:
            close = near_misses(name, named)
            raise FlowError(
                f"the flow has no parameter {name!r}"
                + (f"; did you mean {' or '.join(close)}?" if close else "")
                + f"\n  its parameters: {', '.join(named) or '(none)'}"
            )
        arguments[name] = _value(name, text, _wanted(named.get(name), hints.get(name)))
    missing = [n for n, p in named.items() if p.default is p.empty and n not in arguments]
    if missing:
        raise FlowError(
            f"the flow needs a value for {', '.join(map(repr, missing))}; "
            f"give it with {' '.join(f'--set {name}=…' for name in missing)}"
        )
    return arguments


def _annotations(function: Callable[..., Any]) -> dict[str, Any]:
    """The evaluated annotations of the parameters; that of the result may be for type checkers only."""
    written = {name: hint for name, hint in function.__annotations__.items() if name != "return"}
    holder = types.SimpleNamespace(__annotations__=written)
    try:
        return typing.get_type_hints(holder, globalns=getattr(function, "__globals__", {}))
    except (NameError, SyntaxError, TypeError) as error:
        name = getattr(function, "__name__", "the flow function")
        raise FlowError(f"an annotation of {name}() cannot be read: {error}") from error


def _wanted(parameter: inspect.Parameter | None, hint: Any) -> Any:
    if hint is None:
        default = parameter.default if parameter is not None else None
        return type(default) if type(default) in CONVERTERS else str
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        options = [option for option in typing.get_args(hint) if option is not type(None)]
        known = [option for option in options if option in CONVERTERS]
        return known[0] if known else hint
    return hint


def _value(name: str, text: str, wanted: Any) -> Any:
    convert = CONVERTERS.get(wanted)
    if convert is None:
        known = ", ".join(kind.__name__ for kind in CONVERTERS if kind not in (Any, object))
        raise FlowError(f"the parameter {name!r} is {wanted}, which --set cannot give; it can give {known}")
    try:
        return convert(text)
    except (ValueError, ArithmeticError):
        kind = wanted.__name__
        raise FlowError(f"the parameter {name!r} takes {_article(kind)} {kind}, not {text!r}") from None


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"
