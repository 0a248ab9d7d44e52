"""What may be installed here, as the policy files say it; the library enforces them, not only the commands.

A policy is a TOML file. That of the project, `dataflows-policy.toml` in the current folder or above it,
and that of the user, `policy.toml` in the configuration folder, both hold: neither can allow what the other
refuses.
The variable `DATAFLOWS_POLICY` names one more, for machines that are administered.

    allow = ["dataflows-*", "acme-*"]       # plugins; without it every one
    deny = ["acme-old", "dataflows-x<1.2"]  # any distribution; versions as pip writes them
    licence = ["MIT", "Apache-2.0", "BSD-*"]

    [index]
    "acme-*" = "acme"                       # comes from the index of that name and from no other
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataflows_core.errors import AccessError, DataflowsError, FlowError, near_misses

if TYPE_CHECKING:
    from dataflows_registry.install.plan import Change, Plan
    from dataflows_registry.store import Store

__all__ = ["PROJECT_FILE", "Policy", "RefusedError", "check", "licence_allowed", "policies"]

PROJECT_FILE = "dataflows-policy.toml"
"""The name of a project's policy file."""

_RULE = re.compile(r"\s*([A-Za-z0-9*?._\[\]-]+?)\s*((?:[<>=!~]=?|===).*)?")


class RefusedError(DataflowsError):
    """Something must not be installed: a policy forbids it, or it cannot be trusted.

    Args:
        reasons: Why, one text for each thing that stands against it.
    """

    def __init__(self, reasons: Iterable[str]) -> None:
        self.reasons = list(reasons)
        super().__init__("refused; nothing was changed\n" + "\n".join(f"  {text}" for text in self.reasons))


@dataclass(frozen=True)
class Policy:
    """The rules of one policy file.

    Attributes:
        path: The file.
        allow: Patterns of the plugins that may be installed; None allows every one.
        deny: Patterns of distributions that may not, each with versions behind it or without.
        licence: Patterns of the licences that a plugin may have; None allows every one.
        index: The index that plugins have to come from, by pattern of their names.
    """

    path: Path
    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()
    licence: tuple[str, ...] | None = None
    index: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Policy:
        """The policy that a file states.

        Raises:
            AccessError: The file cannot be read.
            FlowError: It is no TOML, or has a key that no policy has.
        """
        import tomllib

        try:
            found = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            raise AccessError(f"the policy {path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise FlowError(f"the policy {path} is not TOML: {error}") from error
        known = ("allow", "deny", "licence", "index")
        for key in found:
            if key not in known:
                close = near_misses(key, known)
                hint = f"; did you mean {close[0]}?" if close else f"; a policy has {', '.join(known)}"
                raise FlowError(f"the policy {path} has an unknown key {key!r}{hint}")
        index = found.get("index", {})
        if not (isinstance(index, dict) and all(isinstance(name, str) for name in index.values())):
            raise FlowError(f'the policy {path}: [index] has lines of the form "acme-*" = "name of an index"')
        return cls(
            path,
            _texts(found, "allow", path),
            _texts(found, "deny", path) or (),
            _texts(found, "licence", path),
            index,
        )

    def refusals(self, change: Change) -> list[str]:
        """Why this policy forbids a change; empty when it does not."""
        what, name = f"{change.distribution} {change.version}", change.distribution
        reasons = [
            f"{what}: {self.path} denies {rule!r}"
            for rule in self.deny
            if _covers(rule, name, change.version)
        ]
        if not change.plugin:
            return reasons
        if self.allow is not None and not any(_covers(rule, name, change.version) for rule in self.allow):
            reasons.append(f"{what}: {self.path} allows only {', '.join(self.allow) or 'nothing'}")
        if self.licence is not None and not licence_allowed(change.licence, self.licence):
            said = f"its licence is {change.licence!r}" if change.licence else "it states no licence"
            reasons.append(f"{what}: {said}, and {self.path} allows {', '.join(self.licence) or 'none'}")
        wanted = next(
            (index for rule, index in self.index.items() if _covers(rule, name, change.version)), None
        )
        if wanted is not None and change.index != wanted:
            came = f"the index {change.index!r}" if change.index else "none of the indexes that were added"
            reasons.append(f"{what}: comes from {came}, and {self.path} wants it from the index {wanted!r}")
        return reasons


def policies(store: Store | None = None, folder: Path | None = None) -> list[Policy]:
    """The policies that hold here.

    Args:
        store: The user's configuration.
        folder: Where to look for the project's policy, and above; the current folder by default.

    Raises:
        FlowError: A policy cannot be understood.
        AccessError: One cannot be read.
    """
    from dataflows_registry.store import Store

    here = (folder or Path.cwd()).resolve()
    candidates = [(store or Store()).config_folder / "policy.toml"]
    candidates += [above / PROJECT_FILE for above in (here, *here.parents)]
    found = [path for path in candidates if path.exists()]
    if named := os.environ.get("DATAFLOWS_POLICY"):
        found.append(Path(named))  # named, so it has to be there
    return [Policy.read(path) for path in found]


def check(plan: Plan, rules: Iterable[Policy] | None = None) -> None:
    """Refuse a plan that a policy forbids, or that brings in what was withdrawn.

    Whatever changes the environment calls this directly before it does.

    Args:
        plan: What is to be done.
        rules: The policies; those that hold in the current folder by default.

    Raises:
        RefusedError: Something in it must not be installed; every reason is given.
    """
    coming = [change for change in plan.changes if change.action != "remove"]
    reasons = [
        f"{change.distribution} {change.version}: {change.withdrawn}" for change in coming if change.withdrawn
    ]
    for policy in policies() if rules is None else rules:
        reasons += [reason for change in coming for reason in policy.refusals(change)]
    if reasons:
        raise RefusedError(reasons)


def licence_allowed(licence: str | None, allowed: Iterable[str]) -> bool:
    """Whether a licence is one of those allowed.

    Args:
        licence: An SPDX expression, or another name of a licence; None when none is stated.
        allowed: Patterns, such as ``"BSD-*"``; the case of letters does not matter.

    Examples:
        >>> licence_allowed("GPL-3.0-only OR MIT", ["MIT"])
        True
        >>> licence_allowed("(MIT AND GPL-3.0-only) OR Zlib", ["MIT"])
        False
    """
    patterns = [pattern.lower() for pattern in allowed]

    def one(name: str) -> bool:
        return any(fnmatchcase(name.strip().lower(), pattern) for pattern in patterns)

    if not licence:
        return False
    if one(licence):
        return True
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        expression = canonicalize_license_expression(licence)
    except InvalidLicenseExpression:
        return False
    return _holds(re.findall(r"\(|\)|[^\s()]+(?: WITH [^\s()]+)?", expression), one)


def _holds(tokens: list[str], one: Any) -> bool:
    """Whether an expression of AND, OR and parentheses holds; AND binds closer."""

    def either() -> bool:
        holds = both()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            holds = both() or holds  # the right side has to be read in any case
        return holds

    def both() -> bool:
        holds = single()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            holds = single() and holds
        return holds

    def single() -> bool:
        name = tokens.pop(0)
        if name != "(":
            return bool(one(name))
        holds = either()
        tokens.pop(0)
        return holds

    return either()


def _covers(rule: str, name: str, version: str) -> bool:
    from packaging.specifiers import SpecifierSet

    from dataflows_registry.store import pattern

    found = _RULE.fullmatch(rule)
    assert found is not None, rule  # rules were checked when the file was read
    versions = found.group(2)
    if not fnmatchcase(name, pattern(found.group(1))):
        return False
    return versions is None or SpecifierSet(versions).contains(version, prereleases=True)


def _texts(found: dict[str, Any], key: str, path: Path) -> tuple[str, ...] | None:
    if key not in found:
        return None
    texts = found[key]
    if not (isinstance(texts, list) and all(isinstance(text, str) for text in texts)):
        raise FlowError(f"the policy {path}: {key} is a list of texts")
    if key != "licence":
        for rule in texts:
            _check_rule(rule, key, path)
    return tuple(texts)


def _check_rule(rule: str, key: str, path: Path) -> None:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    found = _RULE.fullmatch(rule)
    try:
        if found is None:
            raise InvalidSpecifier
        SpecifierSet(found.group(2) or "")
    except InvalidSpecifier:
        raise FlowError(
            f"the policy {path}: {rule!r} in {key} is no name, nor a name with versions, such as 'acme-*<2'"
        ) from None
