"""A browser, the site of all that is installed and of a hostile distribution, and where screenshots go."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataflows_core.discovery import distribution_folders
from dataflows_registry.describe import describe
from dataflows_registry.describe.files import Installed
from dataflows_registry.model import Distribution
from dataflows_registry.site import write_site

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "out" / "screenshots"
OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --force-color-profile=srgb"
)
BAD = "<script>document.title = 'attacked'</script><img src=x onerror=\"document.title = 'attacked'\">"
HOSTILE = {
    "name": "dataflows-hostile",
    "releases": [
        {
            "distribution": "dataflows-hostile",
            "version": "1.0",
            "summary": BAD,
            "keywords": [BAD, "</script>"],
            "links": {"page": "javascript:document.title='attacked'", BAD: "https://example.org/"},
            "problems": [BAD],
            "processors": [
                {
                    "name": "../../hostile</script>",
                    "qualified_name": "hostile.../../hostile</script>",
                    "kind": BAD,
                    "summary": f"{BAD} `{BAD}`",
                    "description": f"{BAD}\n\n[click](javascript:document.title='attacked') ![i](http://example.org/i)",
                    "signature": BAD,
                    "parameters": [
                        {"name": BAD, "type": "x" * 400, "default": BAD, "doc": BAD, "required": True},
                        {"name": "wide", "doc": "W" * 5000},
                    ],
                    "examples": [{"code": f">>> {BAD}\n{BAD}", "doc": BAD}],
                    "raises": [{"type": BAD, "doc": BAD}],
                    "formats": [BAD, "__proto__"],
                    "deprecated": BAD,
                    "problems": [BAD],
                    "source": {"file": BAD, "line": 1},
                }
            ],
        }
    ],
}


def give_up(reason: str) -> None:
    """Skip where a browser cannot be had; in CI that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def find_browser() -> tuple[str, str] | None:
    driver = shutil.which("chromedriver")
    found = filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    browser = next(found, None)
    return (browser, driver) if browser and driver else None


def install_browser() -> None:
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        give_up("Chromium and its driver are not here: `apt-get install chromium chromium-driver`")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "-y", "--no-install-recommends", "chromium", "chromium-driver"]):
        result = subprocess.run(
            ["apt-get", "-q", *words], env=environment, capture_output=True, text=True, check=False
        )
        if result.returncode:
            give_up(f"Chromium cannot be installed: {result.stderr.strip()[-500:]}")


@pytest.fixture(scope="session")
def driver(tmp_path_factory) -> Iterator[object]:
    try:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
    except ModuleNotFoundError:
        give_up("selenium is not installed; `nox -s browser` brings it")
    if find_browser() is None:
        install_browser()
    browser, program = find_browser()
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for word in [*OPTIONS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(word)
    found = webdriver.Chrome(options=options, service=Service(program))
    yield found
    found.quit()


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """The folder of the site of what is installed; beside it, that of a distribution that means ill."""
    releases = [
        describe(Installed(Path(folder)), folder)
        for folder in distribution_folders()
        if Path(folder).name.startswith("dataflows_")
    ]
    kept = {one.distribution: one for one in releases if one.processors}
    found = [Distribution(name, (one,)) for name, one in kept.items()]
    folder = tmp_path_factory.mktemp("site") / "site"
    installed = {name: one.version for name, one in kept.items()}
    write_site(folder, found, installed=installed)
    write_site(folder.with_name("hostile"), [*found, Distribution.from_json(HOSTILE)])
    return folder


@pytest.fixture
def screenshot(driver):
    """Keeps a picture of the page, for people to look at."""

    def keep(name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        assert driver.save_screenshot(str(SCREENSHOTS / f"{name}.png"))

    return keep
