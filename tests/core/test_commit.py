from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core.commit import STAGING, Commit, recover, safe_path
from dataflows_core.errors import AccessError, FlowError

# In memory where there is such a place: the disk need not hear of each of some thousand commits.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
# A process that is killed closes nothing.
killing = pytest.mark.filterwarnings("ignore:.*:pytest.PytestUnraisableExceptionWarning")

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and signal 9")


def write(folder, files):
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def read(folder):
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}


def commit(folder, files, remove=()):
    work = Commit(folder)
    for path, text in files.items():
        work.stage(path).write_text(text)
    work.finish(list(files), remove)


@posix
def test_killed_before_any_of_its_changes_the_old_or_the_new_output_is_whole():
    script = Path(__file__).with_name("kill_commit.py")
    run = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    results = [json.loads(line) for line in run.stdout.splitlines()]
    assert [result["repair"] for result in results] == ["recover", "next_run"]
    for result in results:
        states = result["states"]
        # First the old output, then the new one; both occur, and nothing else does.
        assert states == sorted(states, key=["old", "new"].index)
        assert states[0] == "old"
        assert states[-2:] == ["new", "new"]
        assert len(states) > 20


class Killed(BaseException):
    pass


class Killer:
    """Lets some changes to the file system happen, and none after them, as a kill would."""

    def __init__(self):
        self.left = None

    def __call__(self, event, args):
        if self.left is None:
            return
        changes = event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate")
        if changes or (event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)):
            self.left -= 1
            if self.left <= 0:
                raise Killed

    def run(self, function, steps):
        self.left = steps
        try:
            function()
        except Killed:
            pass
        finally:
            self.left = None


killer = Killer()
sys.addaudithook(killer)

paths = st.sampled_from(["a.csv", "b.csv", "x/a.csv", "x/y/b.csv", "z/c.csv"])
outputs = st.dictionaries(paths, st.text("ab\n", max_size=5), max_size=4)


@killing
@given(outputs, outputs, st.dictionaries(st.sampled_from(["f", "x/f", "x/y/f", "q/f"]), st.just("foreign")),
       st.integers(1, 60), st.integers(1, 30))  # fmt: skip
def test_whatever_was_there_and_whenever_it_is_killed(old, new, foreign, steps, repair_steps):
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        folder = Path(name, "out")
        commit(folder, {**old, "datapackage.json": "old"})
        write(folder, foreign)
        before, after = {**old, "datapackage.json": "old"}, {**new, "datapackage.json": "new"}

        killer.run(lambda: commit(folder, after, remove=sorted(set(old) - set(new))), steps)
        with suppress(AccessError):
            killer.run(lambda: recover(folder), repair_steps)
        recover(folder)

        assert read(folder) in ({**before, **foreign}, {**after, **foreign})
        assert not (folder / STAGING).exists()
        assert all(any(place.iterdir()) for place in folder.rglob("*") if place.is_dir())


def test_a_failed_run_leaves_nothing_behind(tmp_path):
    work = Commit(tmp_path / "new" / "out")
    work.stage("a.csv").write_text("a")
    work.abort()
    assert list(tmp_path.iterdir()) == []
    work.abort()  # a second time does nothing


def test_a_failed_run_leaves_a_folder_that_was_there(tmp_path):
    write(tmp_path, {"a.csv": "old"})
    work = Commit(tmp_path)
    work.stage("a.csv").write_text("new")
    work.abort()
    assert read(tmp_path) == {"a.csv": "old"}
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


def test_abort_after_finish_takes_nothing_back(tmp_path):
    work = Commit(tmp_path)
    work.stage("datapackage.json").write_text("new")
    work.finish(["datapackage.json"])
    work.abort()
    assert read(tmp_path) == {"datapackage.json": "new"}


def test_a_second_run_into_the_same_folder_is_refused(tmp_path):
    work = Commit(tmp_path)
    with pytest.raises(AccessError, match="two dumps of this program"):
        Commit(tmp_path)
    work.abort()
    Commit(tmp_path).abort()


@posix
def test_another_process_is_named_and_its_death_frees_the_folder(tmp_path):
    code = """if True:
        import pathlib, sys
        from dataflows_core.commit import Commit
        work = Commit(pathlib.Path(sys.argv[1]))
        work.stage("a.csv").write_text("half")
        print("ready", flush=True)
        sys.stdin.read()
    """
    write(tmp_path, {"a.csv": "old"})
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdin=-1, stdout=-1) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(AccessError, match=f"process {other.pid}"):
            Commit(tmp_path)
        recover(tmp_path)  # a reader does not disturb it
        assert (tmp_path / STAGING / "files" / "a.csv").exists()
        other.kill()
    recover(tmp_path)
    assert read(tmp_path) == {"a.csv": "old"}


@killing
def test_what_changed_since_the_journal_is_not_removed(tmp_path):
    write(tmp_path, {"gone.csv": "old"})
    work = Commit(tmp_path)
    work.stage("datapackage.json").write_text("new")

    def interrupted():
        work.finish(["datapackage.json"], remove=["gone.csv"])

    killer.run(interrupted, 5)  # its fifth change removes gone.csv; the fourth named the journal
    assert (tmp_path / STAGING / "journal.json").exists()
    assert (tmp_path / "gone.csv").exists()
    work._lock.close()  # as the end of the process would
    write(tmp_path, {"gone.csv": "somebody's, since"})
    recover(tmp_path)
    assert read(tmp_path) == {"gone.csv": "somebody's, since", "datapackage.json": "new"}


@pytest.mark.parametrize(
    ("there", "path"),
    [("a.csv/", "a.csv"), ("data", "data/a.csv")],
    ids=["a folder is there", "the folder is a file"],
)
def test_what_cannot_work_fails_before_anything_changes(tmp_path, there, path):
    if there.endswith("/"):
        (tmp_path / there).mkdir()
    else:
        (tmp_path / there).write_text("a file")
    write(tmp_path, {"first.csv": "old"})
    before = read(tmp_path)
    work = Commit(tmp_path)
    for name in ("first.csv", path, "datapackage.json"):
        work.stage(name).write_text("new")
    with pytest.raises(AccessError, match="folder"):
        work.finish(["first.csv", path, "datapackage.json"])
    work.abort()
    assert read(tmp_path) == before


def test_the_target_is_a_file(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(AccessError, match="is a file and not a folder"):
        Commit(tmp_path / "out")


def test_a_link_in_place_of_a_file_is_replaced_and_what_it_leads_to_is_not(tmp_path):
    (tmp_path / "far.csv").write_text("far")
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.csv").symlink_to(tmp_path / "far.csv")
    commit(out, {"a.csv": "new"})
    assert (tmp_path / "far.csv").read_text() == "far"
    assert not (out / "a.csv").is_symlink()


@pytest.mark.parametrize(
    "path",
    [
        *("../a", "a/../../b", "/etc/passwd", "", ".", "a/", "C:/a", "c:a", "a\\..\\b", "\\\\host\\a"),
        *("a\nb", "a\0b", STAGING, f"{STAGING}/lock", "http://host/a"),
    ],
)
def test_hostile_paths_are_refused(path, tmp_path):
    with pytest.raises(FlowError):
        safe_path(path)
    work = Commit(tmp_path)
    with pytest.raises(FlowError):
        work.stage(path)
    work.abort()


def test_recover_without_anything_to_do(tmp_path):
    recover(tmp_path)
    recover(tmp_path / "not there")
    assert list(tmp_path.iterdir()) == []


def test_a_journal_that_names_a_hostile_path_is_refused(tmp_path):
    folder = tmp_path / "out"
    staging = folder / STAGING
    write(
        staging,
        {"files/a": "x", "journal.json": json.dumps({"replace": ["../a"], "remove": {}, "version": 1})},
    )
    with pytest.raises(FlowError, match="leads out"):
        recover(folder)
    assert not (tmp_path / "a").exists()
