from __future__ import annotations

import pytest

from dataflows_core.errors import AccessError, FlowError
from dataflows_registry.install import Change, Plan
from dataflows_registry.policy import Policy, RefusedError, check, licence_allowed, policies
from dataflows_registry.store import Store

PLUGIN = Change("install", "acme-shout", "1.5", plugin=True, index="acme", licence="MIT")


@pytest.fixture
def policy(tmp_path):
    def policy(text: str) -> Policy:
        path = tmp_path / "policy.toml"
        path.write_text(text, "utf-8")
        return Policy.read(path)

    return policy


@pytest.mark.parametrize(
    "text",
    [
        "",
        'allow = ["acme-*"]',
        'allow = ["Acme_Shout>=1,<2"]',
        'deny = ["acme-shout<1.5", "other"]',
        'licence = ["mit"]',
        '[index]\n"acme-*" = "acme"\n"other-*" = "inner"',
    ],
)
def test_what_a_policy_permits(policy, text):
    assert policy(text).refusals(PLUGIN) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("allow = []", "allows only nothing"),
        ('allow = ["acme-shout>=2"]', "allows only acme-shout>=2"),
        ('deny = ["acme_shout"]', "denies 'acme_shout'"),
        ('deny = ["ACME-*~=1.4"]', "denies 'ACME-*~=1.4'"),
        ('licence = ["Apache-2.0"]', "its licence is 'MIT'"),
        ('[index]\n"acme-*" = "inner"', "wants it from the index 'inner'"),
    ],
)
def test_what_a_policy_forbids(policy, text, reason):
    (found,) = policy(text).refusals(PLUGIN)
    assert found.startswith("acme-shout 1.5: ")
    assert reason in found


def test_libraries_are_denied_by_name_and_are_no_matter_of_the_other_rules(policy):
    library = Change("install", "requests", "2.0")
    rules = 'allow = ["acme-*"]\nlicence = ["MIT"]\n'
    assert policy(rules).refusals(library) == []
    assert len(policy(rules + 'deny = ["requests"]').refusals(library)) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("alow = []", "did you mean allow"),
        ("allow = 3", "allow is a list of texts"),
        ("deny = [1]", "deny is a list of texts"),
        ('deny = ["a b c"]', "'a b c' in deny is no name"),
        ('allow = ["a>>1"]', "'a>>1' in allow is no name"),
        ("[index]\na = 1", r"\[index\] has lines of the form"),
        ("allow = [", "is not TOML"),
    ],
)
def test_a_policy_that_cannot_be_understood_is_no_policy_that_allows(policy, text, message):
    with pytest.raises(FlowError, match=message):
        policy(text)


def test_all_policies_hold(tmp_path, monkeypatch):
    store, project = Store(tmp_path / "home"), tmp_path / "project" / "deep"
    project.mkdir(parents=True)
    store.config_folder.mkdir(parents=True)
    (store.config_folder / "policy.toml").write_text('deny = ["one"]')
    (tmp_path / "project" / "dataflows-policy.toml").write_text('deny = ["two"]')
    monkeypatch.setenv("DATAFLOWS_POLICY", str(tmp_path / "site.toml"))
    (tmp_path / "site.toml").write_text('deny = ["three"]')

    rules = policies(store, project)

    assert [rule.deny for rule in rules] == [("one",), ("two",), ("three",)]
    for name in ("one", "two", "three"):
        with pytest.raises(RefusedError, match=name):
            check(Plan((Change("install", name, "1"),)), rules)
    check(Plan((Change("remove", "one", "1"), Change("install", "four", "1"))), rules)


def test_a_policy_that_is_named_and_missing_stops_everything(tmp_path, monkeypatch):
    monkeypatch.setenv("DATAFLOWS_POLICY", str(tmp_path / "gone.toml"))
    with pytest.raises(AccessError, match=r"gone\.toml cannot be read"):
        policies(Store(tmp_path))


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("mit", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("GPL-3.0-only", False),
        ("(GPL-3.0-only OR BSD-3-Clause) AND MIT", True),
        ("GPL-3.0-only OR MIT AND GPL-2.0-only", False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("The Simple Licence", True),
        ("some words (that are none", False),
        ("", False),
        (None, False),
    ],
)
def test_licences(licence, allowed):
    assert licence_allowed(licence, ["MIT", "BSD-*", "the simple licence"]) is allowed
