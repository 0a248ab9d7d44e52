"""Locks: what they hold, what they notice, and what cannot be locked."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core.errors import AccessError, FlowError
from dataflows_registry.install import plan_install
from dataflows_registry.install.contents import check_wheel, of_installed, of_wheel
from dataflows_registry.install.environment import installed
from dataflows_registry.lock import (
    FILE,
    DriftError,
    Lock,
    Locked,
    LockedFile,
    check,
    drift,
    make_lock,
    plan_sync,
)
from dataflows_registry.policy import RefusedError


@pytest.fixture
def site(tmp_path):
    """A folder of packages."""

    class Site:
        folder = tmp_path / "site"

        def install(self, wheel) -> None:
            with zipfile.ZipFile(wheel) as archive:  # all that an installer does to so simple a wheel
                archive.extractall(self.folder)

        def install_by_pip(self, wheel) -> None:
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
            subprocess.run([*command, "--upgrade", "--target", str(self.folder), str(wheel)], check=True)

        def here(self):
            return installed([self.folder])

    return Site()


@pytest.fixture
def locked(site, add_index, write_wheel, release_of):
    """A lock of one plugin, which is installed."""
    wheel = write_wheel()
    add_index("acme", [release_of(wheel)])
    site.install(wheel)
    return make_lock(here=site.here())


def test_what_is_installed_is_what_the_wheel_contains(site, write_wheel):
    wheel = write_wheel()
    site.install_by_pip(wheel)
    found = site.here()["acme-shout"]
    assert of_installed(found).files == of_wheel(wheel).files
    assert set(of_wheel(wheel).files) == {
        "acme_shout.py",
        "acme_shout-1.0.dist-info/METADATA",
        "acme_shout-1.0.dist-info/WHEEL",
        "acme_shout-1.0.dist-info/entry_points.txt",
    }


def test_a_lock_has_the_hashes_of_all_files_and_says_where_processors_are(locked, release_of, tmp_path):
    (wheel,) = (tmp_path / "wheels").iterdir()
    (one,) = locked.distributions.values()
    assert (one.name, one.version, one.index) == ("acme-shout", "1.0", "acme")
    assert one.processors == {"dataflows.processors:shout": "acme_shout:shout"}
    assert [(file.name, file.sha256) for file in one.files] == [
        (wheel.name, release_of(wheel).files[0].sha256)
    ]
    assert one.files[0].contents == of_wheel(wheel).digest


def test_a_locked_environment_has_not_drifted(locked, site):
    assert drift(locked, site.here()) == []


@pytest.mark.parametrize("name", ["acme_shout.py", "acme_shout-1.0.dist-info/entry_points.txt"])
def test_a_changed_byte_is_drift(locked, site, name):
    path = site.folder / name
    path.write_bytes(path.read_bytes() + b"\n")
    (reason,) = drift(locked, site.here())
    assert reason == f"acme-shout 1.0 is not what its locked wheel contains: {name}"


def test_a_change_that_the_record_was_bent_to_is_drift(locked, site, write_wheel):
    other = write_wheel(code="import os\n\n\ndef shout():\n    pass\n")
    shutil.rmtree(site.folder)
    site.install(other)
    assert drift(locked, site.here()) == ["acme-shout 1.0 is not what its locked wheel contains"]


def test_a_file_that_is_gone_is_drift(locked, site):
    (site.folder / "acme_shout.py").unlink()
    assert drift(locked, site.here())[0].endswith(": acme_shout.py")


def test_versions_absences_and_strangers_are_drift(locked, site, write_wheel):
    shutil.rmtree(site.folder)
    assert drift(locked, site.here()) == ["acme-shout 1.0 is not installed"]
    site.install(write_wheel(version="1.1"))
    site.install(write_wheel("acme-whisper"))
    assert drift(locked, site.here()) == [
        "acme-shout is 1.1 instead of 1.0",
        "acme-whisper 1.0 is installed, and not in the lock",
    ]


def test_bytecode_and_what_installers_write_is_not_drift(locked, site):
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(site.folder)], check=True)
    (site.folder / "acme_shout-1.0.dist-info" / "INSTALLER").write_text("another\n")
    assert drift(locked, site.here()) == []


def test_what_is_not_what_the_index_has_cannot_be_locked(locked, site):
    (site.folder / "acme_shout.py").write_text("")
    with pytest.raises(RefusedError, match=r"is not what the index 'acme' has: acme_shout\.py changed"):
        make_lock(here=site.here())


def test_what_no_index_has_cannot_be_locked(store, site, write_wheel):
    site.install(write_wheel())
    with pytest.raises(RefusedError, match=r"acme-shout 1\.0: no index of yours has its files"):
        make_lock(here=site.here())


def test_a_checkout_cannot_be_locked(store):
    checkouts = {name: found for name, found in installed().items() if found.plugin and found.editable}
    if not checkouts:
        pytest.skip("nothing here is a checkout")
    with pytest.raises(RefusedError, match="it is a checkout"):
        make_lock(here=checkouts)


def test_every_platform_s_wheel_is_locked(site, add_index, write_wheel, release_of):
    here, there = write_wheel(), write_wheel(tag="cp311-cp311-win_amd64", code="import winreg\n")
    release = release_of(here)
    add_index("acme", [replace(release, files=(*release.files, *release_of(there).files))])
    site.install(here)
    (one,) = make_lock(here=site.here()).distributions.values()
    assert [file.contents for file in one.files] == [of_wheel(here).digest, of_wheel(there).digest]


def test_check_takes_the_first_folder_that_has_a_lock(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    with pytest.raises(AccessError, match=f"no {FILE} in {first} nor in {second}"):
        check([first, second])
    gone = Lock({"acme-gone": Locked("acme-gone", "1.0", None, None, ())})
    (second / FILE).write_text(gone.text(), "utf-8")
    with pytest.raises(DriftError, match=r"acme-gone 1\.0 is not installed") as caught:
        check([first, second])
    assert caught.value.path == second / FILE


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no lock file"),
        ("format = 2", "is of format 2"),
        ("format = 1\n[[distribution]]\nname = 3\nversion = '1'\nfiles = []", "is no lock file"),
        ("format = 1\n[[distribution]]\nname = 'a'", "is no lock file"),
        ("format = 1\ndistribution = 1", "is no lock file"),
        ("format = [", "is no lock file"),
    ],
)
def test_what_is_no_lock_is_refused(tmp_path, text, message):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(FlowError, match=message):
        Lock.read(tmp_path / FILE)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FILES = st.builds(LockedFile, TEXTS, TEXTS, st.none() | TEXTS.filter(bool))
LOCKED = st.builds(
    Locked, TEXTS, TEXTS, st.none() | TEXTS, st.none() | TEXTS, st.lists(FILES, max_size=3).map(tuple),
    st.dictionaries(TEXTS, TEXTS, max_size=3),
)  # fmt: skip


@given(st.lists(LOCKED, unique_by=lambda one: one.name, max_size=3))
def test_a_lock_is_read_as_it_was_written(tmp_path_factory, found):
    path = tmp_path_factory.getbasetemp() / FILE
    lock = Lock({one.name: one for one in found})
    path.write_text(lock.text(), "utf-8", newline="")
    assert Lock.read(path) == lock
    assert Lock.read(path).text() == lock.text()


def test_a_file_that_is_no_wheel(tmp_path):
    (tmp_path / "a.whl").write_bytes(b"PK nothing")
    with pytest.raises(AccessError, match="is no wheel that can be read"):
        of_wheel(tmp_path / "a.whl")
    with zipfile.ZipFile(tmp_path / "b.whl", "w") as archive:
        archive.writestr("../outside.py", "")
        archive.writestr("/absolute.py", "")
    assert of_wheel(tmp_path / "b.whl").files == {}


def test_a_wheel_that_unpacks_to_a_bomb_is_refused(write_wheel):
    wheel = write_wheel()
    with zipfile.ZipFile(wheel, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.bin", bytes(60_000_000))
    with pytest.raises(RefusedError, match=r"'data.bin' unpacks from [\d,]+ to 60,000,000 bytes"):
        check_wheel(wheel)


@pytest.mark.parametrize("name", ["../evil.pth", "a/../../evil.pth", "/evil.pth", "..\\evil.pth"])
def test_a_wheel_that_would_write_elsewhere_is_refused(add_index, write_wheel, release_of, name):
    wheel = write_wheel()
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr(name, "import os")
    add_index("acme", [release_of(wheel)])
    with pytest.raises(RefusedError, match="outside of the folder of packages"):
        plan_install(["shout"])


def relocated(locked: Lock, folder, wheel) -> Lock:
    """A lock that claims another file, elsewhere, to be of the same index."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (one,) = locked.distributions.values()
    file = LockedFile(wheel.name, digest, of_wheel(wheel).digest)
    return Lock({one.name: replace(one, files=(file,), source=str(folder))})


def test_a_lock_cannot_claim_that_an_index_has_another_file(locked, write_wheel, shout):
    changed = relocated(locked, ".", write_wheel(code=shout + "\n# evil\n"))
    with pytest.raises(RefusedError, match="the index 'acme' has another file of that name"):
        plan_sync(changed)


def test_a_lock_cannot_claim_an_index_that_does_not_have_its_release(locked, store, write_wheel, tmp_path):
    wheel = write_wheel(version="9.0")
    changed = relocated(locked, tmp_path / "wheels", wheel)
    changed = Lock({"acme-shout": replace(changed.distributions["acme-shout"], version="9.0")})
    policy = tmp_path / "work" / "dataflows-policy.toml"
    policy.write_text('[index]\n"acme-*" = "acme"\n')

    with pytest.raises(RefusedError, match="comes from none of the indexes that were added"):
        plan_sync(changed)

    policy.unlink()
    store.pin("acme", ["acme-*"])
    with pytest.raises(RefusedError, match="is pinned to the index 'acme', which does not have the locked"):
        plan_sync(changed)
