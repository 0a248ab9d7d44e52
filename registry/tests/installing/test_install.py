"""Installing by pip, in a real environment, from real wheels."""

from __future__ import annotations

import json

import pytest

from dataflows_core.errors import AccessError
from dataflows_registry.install import plan_install
from dataflows_registry.install.offers import Offers


def test_a_processor_s_name_installs_its_distribution(environment, add_index, write_wheel, release_of, shout):
    wheel = write_wheel()
    add_index("acme", [release_of(wheel)])

    shown = environment.registry("install", "shout", "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "install acme-shout 1.0" in shown.stdout
    assert release_of(wheel).files[0].sha256 in shown.stdout
    assert "acme" in shown.stdout
    assert not (environment.site / "acme_shout.py").exists()

    done = environment.registry("install", "shout", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["done"] is True
    assert [change["distribution"] for change in facts["changes"]] == ["acme-shout"]
    assert (environment.site / "acme_shout.py").read_text() == shout
    # Listed by pip as any other: no path of a temporary file is kept.
    assert not list(environment.site.glob("acme_shout-1.0.dist-info/direct_url.json"))

    again = environment.registry("install", "shout", "--yes")
    assert again.returncode == 0
    assert "acme-shout 1.0 is installed already" in again.stdout


def test_nobody_to_ask_is_a_refusal(environment, add_index, write_wheel, release_of, shout):
    add_index("acme", [release_of(write_wheel())])
    for option in ((), ("--json",)):
        result = environment.registry("install", "shout", *option)
        assert result.returncode == 2
        assert "--yes" in result.stderr
    assert not (environment.site / "acme_shout.py").exists()


def test_upgrade_and_uninstall(environment, add_index, write_wheel, release_of, shout):
    one, two = write_wheel(), write_wheel(version="1.1", code=shout + "\nNEW = 1\n")
    add_index("acme", [release_of(one), release_of(two)])

    assert environment.registry("stubs").returncode == 0
    stubs = environment.site / "dataflows_core-stubs" / "processors.pyi"
    assert "shout" not in stubs.read_text()
    assert environment.registry("install", "acme-shout==1.0", "--yes").returncode == 0
    assert "def shout(" in stubs.read_text()
    upgraded = environment.registry("upgrade", "shout", "--yes", "--json")
    assert upgraded.returncode == 0, upgraded.stderr
    (change,) = json.loads(upgraded.stdout)["changes"]
    assert (change["action"], change["before"], change["version"]) == ("upgrade", "1.0", "1.1")
    assert "NEW" in (environment.site / "acme_shout.py").read_text()
    assert "is the newest" in environment.registry("upgrade", "shout", "--yes").stdout

    gone = environment.registry("uninstall", "shout", "--yes")
    assert gone.returncode == 0, gone.stderr
    assert "shout" not in stubs.read_text()
    assert not (environment.site / "acme_shout.py").exists()
    missing = environment.registry("uninstall", "shout", "--yes")
    assert missing.returncode == 2
    assert "shout" in missing.stderr


def test_a_plugin_that_another_needs_is_brought_along_and_stays(
    environment, add_index, write_wheel, release_of, shout
):
    base = write_wheel()
    more = write_wheel("acme-scream", metadata="Requires-Dist: acme-shout>=1")
    add_index("acme", [release_of(base), release_of(more, requires=("acme-shout>=1",))])

    done = environment.registry("install", "scream", "--yes")
    assert done.returncode == 0, done.stderr
    assert (environment.site / "acme_shout.py").exists()

    kept = environment.registry("uninstall", "acme-shout", "--yes")
    assert kept.returncode == 1
    assert "acme-scream 1.0 needs acme-shout" in kept.stderr
    assert environment.registry("uninstall", "acme-shout", "scream", "--yes").returncode == 0


def test_one_changed_byte_is_refused(environment, add_index, write_wheel, release_of, shout):
    wheel = write_wheel()
    release = release_of(wheel)
    add_index("acme", [release])
    content = bytearray(wheel.read_bytes())
    content[len(content) // 2] ^= 1
    wheel.write_bytes(content)

    result = environment.registry("install", "shout", "--yes")
    assert result.returncode == 1
    assert "is not the file that the index describes" in result.stderr
    assert release.files[0].sha256 in result.stderr
    assert not (environment.site / "acme_shout.py").exists()


def test_a_password_in_pip_s_configuration_is_used_and_never_shown(
    store, add_index, write_wheel, release_of, monkeypatch
):
    monkeypatch.setenv("PIP_INDEX_URL", "http://user:secret@127.0.0.1:9/simple/")
    add_index("web", [release_of(write_wheel())], source="pip")

    (offer,) = Offers(store).of("acme-shout")

    assert offer.places == ("http://user:secret@127.0.0.1:9/simple/",)
    with pytest.raises(AccessError) as caught:
        plan_install(["shout"], store=store)
    assert "secret" not in str(caught.value)
