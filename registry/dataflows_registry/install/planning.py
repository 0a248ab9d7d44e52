"""What has to change so that plugins are there, newer, or gone; nothing is changed here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from dataflows_core.discovery import FIRST_PARTY
from dataflows_core.errors import FlowError, UnknownNameError
from dataflows_core.files.urls import shown
from dataflows_registry.install.choose import Offer, choose, fitting_wheel
from dataflows_registry.install.environment import Installed, installed
from dataflows_registry.install.fetch import fetch
from dataflows_registry.install.installer import Installer, Resolved, find_installer
from dataflows_registry.install.offers import Offers
from dataflows_registry.install.plan import Action, Change, Plan
from dataflows_registry.policy import RefusedError, check
from dataflows_registry.store import Store
from dataflows_registry.text import normalised
from dataflows_registry.trust import look_alike, withdrawn

__all__ = ["plan_install", "plan_releases", "plan_uninstall", "plan_upgrade"]

_OURS = ("dataflows-core", "dataflows-registry")
_REQUEST = re.compile(r"\s*([\w.-]+?)\s*((?:[<>=!~]=?|===)[^;@]*)?")


def plan_install(
    names: Sequence[str],
    *,
    store: Store | None = None,
    installer: Installer | None = None,
    offline: bool = False,
) -> Plan:
    """What has to be installed for processors or distributions.

    Args:
        names: Their names, each with versions behind it or without: ``"load_csv"``, ``"dataflows-sql~=1.2"``.
        store: The user's configuration.
        installer: pip or uv; whichever is there by default.
        offline: Open no socket.

    Raises:
        UnknownNameError: No index knows a name.
        RefusedError: It must not be installed.
        AccessError: It cannot be installed here, or an index cannot be reached.
    """
    planner = _Planner(store or Store(), installer, offline)
    for name, versions in map(_request, names):
        distribution = planner.offers.distribution_of(name)
        here = planner.here.get(distribution)
        if here is not None and _is_in(here.version, versions):
            planner.notes.append(f"{distribution} {here.version} is installed already")
        else:
            planner.bring(distribution, versions)
    return planner.plan()


def plan_upgrade(
    names: Sequence[str] = (),
    *,
    store: Store | None = None,
    installer: Installer | None = None,
    offline: bool = False,
) -> Plan:
    """What has to be installed so that plugins are the newest that can be.

    Args:
        names: As for `plan_install`; every plugin that is installed and known to an index by default.
        store: The user's configuration.
        installer: pip or uv; whichever is there by default.
        offline: Open no socket.

    Raises:
        UnknownNameError: A name is not installed.
        RefusedError: It must not be installed.
        AccessError: It cannot be installed here, or an index cannot be reached.
    """
    planner = _Planner(store or Store(), installer, offline)
    wanted = list(map(_request, names)) or [
        (name, "") for name, found in planner.here.items() if found.plugin and planner.offers.knows(name)
    ]
    for name, versions in wanted:
        (found,) = _installed_as(name, planner.here)
        if not found.plugin:
            raise FlowError(f"{found.name} is no plugin of dataflows; use pip install --upgrade")
        if found.editable:
            if names:
                raise FlowError(
                    f"{found.name} is a checkout (an editable installation), which only you can renew"
                )
            planner.notes.append(f"{found.name} {found.version} is a checkout (an editable installation)")
        else:
            planner.renew(found, versions)
    return planner.plan()


def plan_releases(
    wanted: Iterable[Offer], *, store: Store, installer: Installer | None = None, offline: bool = False
) -> Plan:
    """What has to be installed for exactly these releases, whatever is there now."""
    planner = _Planner(store, installer, offline)
    for offer in wanted:
        planner.take(offer, alone=True)
    return planner.plan()


def plan_uninstall(names: Sequence[str]) -> Plan:
    """What is removed with processors or distributions; what they depend on stays.

    Args:
        names: Their names.

    Raises:
        UnknownNameError: Nothing of that name is installed.
        RefusedError: Something that stays needs it.
        FlowError: It is dataflows itself, or no plugin of it.
    """
    here = installed()
    going = {found.name: found for name in names for found in _installed_as(name, here)}
    for found in going.values():
        if not found.plugin:
            raise FlowError(f"{found.name} is no plugin of dataflows; use pip uninstall")
    if ours := [name for name in _OURS if name in going]:
        raise FlowError(f"{' and '.join(ours)} cannot remove itself; use pip uninstall")
    needed = [
        f"{other.name} {other.version} needs {name}; name both, or keep it"
        for name in going
        for other in here.values()
        if other.name not in going and other.needs(name)
    ]
    if needed:
        raise RefusedError(needed)
    return Plan(tuple(_removal(found) for found in going.values()))


def _removal(found: Installed) -> Change:
    return Change("remove", found.name, found.version, found.version, True, processors=_names(found))


@dataclass
class _Planner:
    """Collects the releases that are to come, then what these bring along."""

    store: Store
    installer: Installer | None
    offline: bool
    here: dict[str, Installed] = field(default_factory=installed)
    chosen: dict[str, Change] = field(default_factory=dict)
    wanted: dict[str, list[str]] = field(default_factory=dict)
    taken: dict[str, Offer] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.offers = Offers(self.store)

    def bring(self, distribution: str, versions: str) -> None:
        """Choose a release, and those of the plugins that it needs."""
        self.wanted.setdefault(distribution, []).append(versions)
        every = ",".join(filter(None, self.wanted[distribution]))
        core = self.here.get("dataflows-core")
        offer, passed = choose(self.offers.of(distribution), every, core=core.version if core else None)
        self.notes += passed
        self.take(offer)

    def renew(self, found: Installed, versions: str) -> None:
        """Choose a release if it is newer than the one that is installed."""
        from packaging.version import Version

        core = self.here["dataflows-core"].version if found.name != "dataflows-core" else None
        offer, passed = choose(self.offers.of(found.name), versions, core=core)
        self.notes += passed
        if Version(offer.release.version) > Version(found.version):
            self.take(offer)
        else:
            self.notes.append(f"{found.name} {found.version} is the newest that can be installed")

    def take(self, offer: Offer, *, alone: bool = False) -> None:
        """Note a release and, unless it is meant alone, choose those of the plugins that it needs."""
        release = offer.release
        if self.taken.get(release.distribution) == offer:
            return
        self.taken[release.distribution] = offer
        self.chosen[release.distribution] = self._change(offer)
        for name, versions in () if alone else _needs(release.requires):
            here = self.here.get(name)
            if name in self.taken:
                if not _is_in(self.taken[name].release.version, versions):
                    self.bring(name, versions)
            elif not (here and _is_in(here.version, versions)) and self.offers.knows(name):
                self.bring(name, versions)

    def plan(self) -> Plan:
        """The plan: the releases with their files, and the libraries that come along.

        The policy is asked before anything is fetched, and again when all is known.
        """
        check(Plan(tuple(self.chosen.values())))
        if not self.chosen:
            return Plan(notes=tuple(self.notes))
        for name, offer in self.taken.items():
            wheel = fitting_wheel(offer.release)
            if wheel is not None:
                found = fetch(offer, wheel, self.store, offline=self.offline)
                self.chosen[name] = replace(self.chosen[name], file=found)
        libraries = tuple(self._libraries())  # confirms what is chosen, on the way
        plan = Plan((*self.chosen.values(), *libraries), tuple(self.notes))
        self._check_needs(plan)
        check(plan)
        return plan

    def _libraries(self) -> Iterator[Change]:
        tool = self.installer or find_installer()
        asked = [
            str(change.file) if change.file else f"{change.distribution}=={change.version}"
            for change in self.chosen.values()
        ]
        pins = {
            name: found.version
            for name, found in self.here.items()
            if found.plugin and name not in self.chosen
        }
        for found in tool.resolve(asked, pins, offline=self.offline):
            if found.name not in self.chosen:
                yield self._library(found)
            elif self.chosen[found.name].file is None:
                self.chosen[found.name] = _confirmed(self.chosen[found.name], found)

    def _change(self, offer: Offer) -> Change:
        release, before = offer.release, self.here.get(offer.release.distribution)
        wheel = fitting_wheel(release)
        notes = []
        if (resembled := look_alike(release.distribution, FIRST_PARTY | set(self.here))) is not None:
            notes.append(f"LOOK-ALIKE: the name resembles {resembled}, which is something else")
        return Change(
            _action(before, release.version),
            release.distribution,
            release.version,
            before.version if before else None,
            plugin=True,
            index=offer.index,
            source=shown(offer.places[0]) if offer.places else None,
            hashes=(wheel.sha256,) if wheel and wheel.sha256 else (),
            size=wheel.size if wheel else None,
            licence=release.licence or None,
            processors=tuple(dict.fromkeys(processor.name for processor in release.processors)),
            withdrawn=withdrawn(release, offer.removed),
            notes=tuple(notes),
        )

    def _library(self, found: Resolved) -> Change:
        before = self.here.get(found.name)
        return Change(
            _action(before, found.version),
            found.name,
            found.version,
            before.version if before else None,
            plugin=found.name.startswith("dataflows-") or self.offers.knows(found.name),
            source=shown(found.url) if found.url else None,
            hashes=found.hashes,
            licence=found.licence,
            withdrawn="yanked by its authors" if found.yanked else None,
        )

    def _check_needs(self, plan: Plan) -> None:
        """Refuse what would break something that is installed."""
        coming = {change.distribution: change.version for change in plan.changes}
        reasons = [
            f"{other.name} {other.version} needs {name}{versions}, and {coming[name]} would come"
            for other in self.here.values()
            if other.name not in coming
            for name, versions in _needs(other.metadata.requires or ())
            if name in coming and not _is_in(coming[name], versions)
        ]
        if reasons:
            raise RefusedError(reasons)


def _confirmed(change: Change, found: Resolved) -> Change:
    """A release that its index only describes, with what the installer found of it."""
    hashes = change.hashes or found.hashes
    if found.hashes and not set(hashes) & set(found.hashes):
        where = shown(found.url) if found.url else "the installer"
        raise RefusedError(
            [f"{change.distribution} {change.version} from {where} is not the file that the index describes"]
        )
    gone = change.withdrawn or ("yanked by its authors" if found.yanked else None)
    return replace(change, hashes=hashes, source=shown(found.url) if found.url else None, withdrawn=gone)


def _action(before: Installed | None, version: str) -> Action:
    from packaging.version import Version

    if before is None:
        return "install"
    if before.version == version:
        return "reinstall"
    return "upgrade" if Version(version) > Version(before.version) else "downgrade"


def _request(text: str) -> tuple[str, str]:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    found = _REQUEST.fullmatch(text)
    if found is not None:
        try:
            return found.group(1), str(SpecifierSet(found.group(2) or ""))
        except InvalidSpecifier:
            pass
    raise FlowError(f"{text!r} is no name, nor a name with versions, such as 'load_csv' or 'load_csv>=1.2'")


def _needs(requires: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The names and versions that apply here, extras apart."""
    from packaging.requirements import InvalidRequirement, Requirement

    for text in requires:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue  # the installer judges it, in words of its own
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield normalised(requirement.name), str(requirement.specifier)


def _is_in(version: str, versions: str) -> bool:
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(versions).contains(version, prereleases=True)


def _names(found: Installed) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key.partition(":")[2] for key in found.processors))


def _installed_as(name: str, here: dict[str, Installed]) -> list[Installed]:
    """The one installed distribution that a name means."""
    if normalised(name) in here:
        return [here[normalised(name)]]
    plugins = [found for found in here.values() if found.plugin]
    owners = [
        found
        for found in plugins
        if name in _names(found)
        or name in [f"{found.name.removeprefix('dataflows-')}.{short}" for short in _names(found)]
    ]
    owners = [found for found in owners if found.name in FIRST_PARTY] or owners
    if len(owners) > 1:
        raise FlowError(f"{name!r} is in {' and '.join(found.name for found in owners)}; name one of these")
    if not owners:
        known = {found.name for found in plugins} | {short for found in plugins for short in _names(found)}
        raise UnknownNameError("installed processor or distribution", name, known)
    return owners
