"""Names: found without imports, unique or refused, never decided by install order."""

from __future__ import annotations

import random
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dataflows_core import discovery
from dataflows_core.errors import AmbiguousNameError, BrokenPluginError, UnknownNameError

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a real, tiny distribution into a folder of sys.path."""
    folders: list[str] = []

    def install(distribution: str, body: str = "", **entry_points: str) -> None:
        folder = tmp_path / f"site-{random.random()}"
        module = distribution.replace("-", "_")
        info = folder / f"{module}-1.2.dist-info"
        info.mkdir(parents=True)
        (folder / f"{module}.py").write_text(body or "def make(*args):\n    return args\n")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
        lines = [f"{name} = {value}" for name, value in entry_points.items()]
        (info / "entry_points.txt").write_text("\n".join(["[dataflows.processors]", *lines, ""]))
        folders.append(str(folder))
        monkeypatch.setattr(sys, "path", [*sys.path, str(folder)])
        discovery.refresh()

    yield install
    discovery.refresh()


def test_a_name_is_found_and_imported_only_when_it_is_used(install: Install) -> None:
    install("dataflows-tiny-one", tidy="dataflows_tiny_one:make")

    assert "tidy" in discovery.names("processor")
    assert "dataflows_tiny_one" not in sys.modules
    assert discovery.load("processor", "tidy")(1) == (1,)
    assert discovery.load("processor", "tiny-one.tidy")(2) == (2,)


def test_two_claims_are_an_error_that_lists_both_long_names(install: Install) -> None:
    install("dataflows-tiny-b", tidy="dataflows_tiny_b:make")
    install("dataflows-tiny-a", tidy="dataflows_tiny_a:make")

    with pytest.raises(AmbiguousNameError) as caught:
        discovery.find("processor", "tidy")
    assert caught.value.claims == ["tiny-a.tidy", "tiny-b.tidy"]
    assert discovery.find("processor", "tiny-b.tidy").distribution == "dataflows-tiny-b"


def test_a_first_party_name_cannot_be_taken(install: Install) -> None:
    install("dataflows-tiny-thief", load_excel="dataflows_tiny_thief:make")
    install("dataflows-load-excel", load_excel="dataflows_load_excel:make")

    assert discovery.find("processor", "load_excel").first_party
    assert discovery.find("processor", "tiny-thief.load_excel").distribution == "dataflows-tiny-thief"


def test_an_unknown_name_suggests_near_misses(install: Install) -> None:
    install("dataflows-tiny-two", frobnicate="dataflows_tiny_two:make")

    with pytest.raises(UnknownNameError, match="did you mean frobnicate"):
        discovery.load("processor", "frobnicat")


def test_a_broken_plugin_is_reported_when_it_is_asked_for(install: Install) -> None:
    install(
        "dataflows-tiny-broken", "raise RuntimeError('out of order')", broken="dataflows_tiny_broken:make"
    )

    assert "broken" in discovery.names("processor")
    with pytest.raises(BrokenPluginError, match=r"dataflows-tiny-broken 1\.2.*out of order"):
        discovery.load("processor", "broken")


def test_the_first_of_two_installations_shadows_the_other(install: Install) -> None:
    install("dataflows-tiny-three", first="dataflows_tiny_three:make")
    install("dataflows-tiny-three", second="dataflows_tiny_three:make")

    assert "first" in discovery.names("processor")
    assert "second" not in discovery.names("processor")


@pytest.mark.parametrize(
    "text", ["", "[dataflows.processors", "\xff\xfe", "[dataflows.processors]\nno equals sign"]
)
def test_a_damaged_file_of_one_distribution_hides_no_other(
    install: Install, text: str, tmp_path: Path
) -> None:
    install("dataflows-tiny-sound", sound="dataflows_tiny_sound:make")
    install("dataflows-tiny-damaged", damaged="dataflows_tiny_damaged:make")
    (damaged,) = tmp_path.glob("*/dataflows_tiny_damaged-1.2.dist-info/entry_points.txt")
    damaged.write_text(text, "latin-1")
    discovery.refresh()

    assert "sound" in discovery.names("processor")


def test_processors_are_imported_by_name(install: Install) -> None:
    install("dataflows-tiny-four", neat="dataflows_tiny_four:make")
    from dataflows_core import processors

    assert processors.neat(1) == (1,)
    assert processors.step("neat", 1) == processors.step("tiny-four.neat", 1) == (1,)
    assert "neat" in dir(processors)
    with pytest.raises(ImportError, match="did you mean neat"):
        from dataflows_core.processors import neatt  # noqa: F401
    with pytest.raises(AttributeError, match="did you mean neat"):
        processors.neatt  # noqa: B018
    assert not hasattr(processors, "neatt")


def test_a_plugin_in_an_archive_is_found_and_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "plugins.zip"
    with zipfile.ZipFile(archive, "w") as file:
        info = "dataflows_tiny_zipped-1.2.dist-info"
        file.writestr("dataflows_tiny_zipped/__init__.py", "class Maker:\n    make = staticmethod(len)\n")
        file.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: dataflows-tiny-zipped\nVersion: 1.2\n"
        )
        file.writestr(
            f"{info}/entry_points.txt", "[dataflows.processors]\nzipped = dataflows_tiny_zipped:Maker.make\n"
        )
    monkeypatch.setattr(sys, "path", [*sys.path, str(archive)])
    discovery.refresh()
    try:
        entry = discovery.find("processor", "zipped")
        assert (entry.distribution, entry.version) == ("dataflows-tiny-zipped", "1.2")
        assert discovery.load("processor", "zipped")("abc") == 3
    finally:
        discovery.refresh()
