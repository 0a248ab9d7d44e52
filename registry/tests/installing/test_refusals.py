"""What is never installed, whoever asks: the command and the library give the same refusal."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace

import pytest

from dataflows_core.errors import AccessError, AmbiguousNameError, FlowError, UnknownNameError
from dataflows_registry.install import Change, Plan, apply, plan_install
from dataflows_registry.policy import RefusedError


@pytest.fixture
def offered(add_index, write_wheel, release_of):
    """Adds the index `acme` with one release, of which more may be said."""

    def offered(name: str = "acme-shout", **facts):
        add_index("acme", [release_of(write_wheel(name), **facts)])

    return offered


def refusal(*names: str) -> str:
    with pytest.raises(RefusedError) as caught:
        plan_install(names)
    return str(caught.value)


def test_the_command_says_what_the_library_says(environment, offered, store):
    offered()
    store.config_folder.mkdir(parents=True, exist_ok=True)
    (store.config_folder / "policy.toml").write_text('deny = ["acme-*"]\n')

    said = refusal("shout")
    result = environment.registry("install", "shout", "--yes")

    assert "acme-shout 1.0" in said
    assert "denies 'acme-*'" in said
    assert result.returncode == 1
    assert said in result.stderr
    assert not (environment.site / "acme_shout.py").exists()


def test_a_plan_made_by_hand_is_refused_too(store, tmp_path):
    (tmp_path / "work" / "dataflows-policy.toml").write_text('allow = ["dataflows-*"]\n')
    change = Change("install", "acme-shout", "1.0", plugin=True, hashes=("0" * 64,))
    with pytest.raises(RefusedError, match=r"allows only dataflows-\*"):
        apply(Plan((change,)))


def test_a_file_without_a_hash_is_refused(store):
    with pytest.raises(RefusedError, match="no sha256 of it is known"):
        apply(Plan((Change("install", "acme-shout", "1.0"),)))


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"yanked": "loses rows"}, "yanked by its authors: loses rows"),
        ({"yanked": ""}, "yanked by its authors"),
        ({"status": "quarantined"}, "quarantined by the index"),
    ],
)
def test_a_withdrawn_release_is_refused(offered, facts, reason):
    offered(**facts)
    assert reason in refusal("shout")
    assert reason in refusal("acme-shout==1.0")


@pytest.mark.parametrize("key", ["acme-shout", "acme-shout 1.0"])
def test_a_removed_release_is_refused(add_index, write_wheel, release_of, key):
    add_index("acme", [release_of(write_wheel())], **{key: "it sent data away"})
    assert "removed from the index: it sent data away" in refusal("shout")


def test_an_older_release_takes_the_place_of_a_yanked_one(environment, add_index, write_wheel, release_of):
    newer = release_of(write_wheel(version="1.1"), yanked="loses rows")
    add_index("acme", [release_of(write_wheel()), newer])
    result = environment.registry("install", "shout", "--dry-run")
    assert result.returncode == 0, result.stderr
    assert "install acme-shout 1.0" in result.stdout
    assert "acme-shout 1.1 is passed over: yanked by its authors: loses rows" in result.stdout


def test_a_name_on_two_indexes_is_refused_until_it_is_pinned(
    environment, add_index, store, write_wheel, release_of
):
    release = release_of(write_wheel())
    add_index("acme", [release])
    add_index("other", [release])
    assert "on 2 indexes, 'acme' and 'other'" in refusal("shout")

    store.pin("other", ["acme-*"])
    result = environment.registry("install", "shout", "--dry-run")
    assert result.returncode == 0, result.stderr
    assert "from    other" in result.stdout


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"requires_python": ">=3.99"}, "it needs Python >=3.99"),
        ({"requires_core": ">=99"}, "it needs dataflows-core >=99"),
    ],
)
def test_what_cannot_work_here_is_refused_before_it_is_fetched(offered, tmp_path, facts, reason):
    offered(**facts)
    (tmp_path / "wheels" / "acme_shout-1.0-py3-none-any.whl").unlink()
    with pytest.raises(AccessError, match=reason):
        plan_install(["shout"])


def test_a_wheel_for_another_machine_and_a_source_distribution_are_refused(
    add_index, write_wheel, release_of
):
    release = release_of(write_wheel(tag="cp27-cp27m-win32"))
    sdist = replace(release.files[0], name="acme_shout-1.0.tar.gz")
    add_index("acme", [replace(release, files=(*release.files, sdist))])
    with pytest.raises(AccessError, match="no wheel for this machine"):
        plan_install(["shout"])


def test_a_release_of_a_licence_that_is_not_allowed_is_refused(offered, tmp_path):
    offered(licence="GPL-3.0-only")
    (tmp_path / "work" / "dataflows-policy.toml").write_text('licence = ["MIT", "BSD-*"]\n')
    assert "its licence is 'GPL-3.0-only'" in refusal("shout")


def test_a_plugin_from_another_index_than_the_policy_wants_is_refused(offered, tmp_path):
    offered()
    (tmp_path / "work" / "dataflows-policy.toml").write_text('[index]\n"acme-*" = "inner"\n')
    assert "wants it from the index 'inner'" in refusal("shout")


def test_a_look_alike_is_flagged_in_the_plan(environment, offered):
    offered("datafl0ws-load-csv")
    result = environment.registry("install", "datafl0ws-load-csv", "--dry-run")
    assert result.returncode == 0, result.stderr
    assert "LOOK-ALIKE: the name resembles dataflows-load-csv" in result.stdout


def test_one_processor_of_two_distributions_has_to_be_told_apart(add_index, write_wheel, release_of):
    add_index("acme", [release_of(write_wheel("acme-shout")), release_of(write_wheel("beta-shout"))])
    with pytest.raises(AmbiguousNameError, match=r"acme-shout\.shout"):
        plan_install(["shout"])


def test_an_unknown_name_says_what_is_near(offered):
    offered()
    with pytest.raises(UnknownNameError, match=r"did you mean shout\?"):
        plan_install(["shoot"])


@pytest.mark.parametrize("text", ["", "a b", "shout>>1", "https://example.org/x.whl", "-r"])
def test_what_is_no_name_is_refused(store, text):
    with pytest.raises(FlowError):
        plan_install([text])


@pytest.mark.parametrize("version", ["==2.0", ">5"])
def test_versions_that_no_release_has(offered, version):
    offered()
    with pytest.raises(AccessError, match=r"the index has 1\.0"):
        plan_install([f"shout{version}"])


def test_a_password_in_an_index_s_address_is_never_shown(add_index, write_wheel, release_of):
    add_index("acme", [release_of(write_wheel())], "https://me:secret@index.invalid/simple")
    with pytest.raises(AccessError) as caught:
        plan_install(["shout"], offline=True)
    assert "index.invalid" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_what_nobody_understands_does_not_fit(offered):
    offered(requires_python="whichever")
    with pytest.raises(AccessError, match="it needs Python whichever"):
        plan_install(["shout"])


def test_a_library_that_has_to_be_built_is_refused_before_its_code_runs(
    add_index, write_wheel, release_of, tmp_path, monkeypatch
):
    folder, canary = tmp_path / "sdists", tmp_path / "canary"
    folder.mkdir()
    files = {
        "PKG-INFO": "Metadata-Version: 2.1\nName: acme-library\nVersion: 1.0\n",
        "setup.py": f"open({str(canary)!r}, 'w').close()",
    }
    with tarfile.open(folder / "acme_library-1.0.tar.gz", "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"acme_library-1.0/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    add_index("acme", [release_of(write_wheel(metadata="Requires-Dist: acme-library"))])

    with pytest.raises(AccessError, match=r"(?s)acme-library.*only wheels are taken"):
        plan_install(["shout"])

    assert not canary.exists()
