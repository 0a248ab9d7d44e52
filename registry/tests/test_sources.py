from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from dataflows_core.errors import AccessError, DataError, FlowError
from dataflows_registry.index import Index
from dataflows_registry.index.build import build_index
from dataflows_registry.model import dumps
from dataflows_registry.sources import Memory, Reading, open_source
from dataflows_registry.sources.installed import installed

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "text/html; charset=utf-8"


def publish(server, folder: Path, html=False, changes=None, status=None, sidecar=True) -> None:
    """Serves the files of a folder as a package index does."""
    server.pages.clear()
    projects: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        projects.setdefault(path.name.partition("-")[0].replace("_", "-"), []).append(path)
        server.pages[f"/files/{path.name}"] = ("application/octet-stream", path.read_bytes())
    for name, paths in projects.items():
        files = []
        for path in paths:
            entry = {
                "filename": path.name,
                "url": f"/files/{path.name}",
                "hashes": {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()},
                "size": path.stat().st_size,
                "upload-time": "2026-01-02T03:04:05Z",
                **(changes or {}).get(path.name, {}),
            }
            files.append(entry)
        if html:
            links = "".join(
                f'<a href="{f["url"]}#sha256={f["hashes"]["sha256"]}"'
                + (f' data-yanked="{f["yanked"]}"' if "yanked" in f else "")
                + f">{f['filename']}</a>"
                for f in files
            )
            server.pages[f"/simple/{name}/"] = (HTML, f"<html><body>{links}</body></html>".encode())
        else:
            page = {"meta": {"api-version": "1.4"}, "name": name, "files": files}
            if status:
                page["project-status"] = status
                page["files"] = [] if status["status"] == "quarantined" else files
            server.pages[f"/simple/{name}/"] = (JSON, json.dumps(page).encode())
    if html:
        root = "".join(f'<a href="/simple/{name}/">{name}</a>' for name in projects)
        server.pages["/simple/"] = (HTML, f"<html><body>{root}</body></html>".encode())
    else:
        root = {"meta": {"api-version": "1.4"}, "projects": [{"name": name} for name in projects]}
        server.pages["/simple/"] = (JSON, json.dumps(root).encode())


def processors(folder: Path) -> dict[str, list[str]]:
    """The JSON of each processor in an index."""
    return {
        one.name: [dumps(processor) for processor in one.latest.processors]
        for one in Index(folder).distributions()
    }


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def read(source: str, **options):
    reading = Reading()
    return list(open_source(source, **options).read(Memory(), reading)), reading


@pytest.mark.parametrize(("which", "html"), [("own_wheels", False), ("few_wheels", True)])
def test_all_kinds_of_source_describe_processors_the_same(
    request, server, tmp_path, monkeypatch, which, html
):
    own_wheels = request.getfixturevalue(which)
    publish(server, own_wheels, html=html)
    build_index([open_source(str(own_wheels))], tmp_path / "wheels")
    build_index([open_source(f"{server.url}/simple/")], tmp_path / "package-index")
    build_index([open_source(str(tmp_path / "wheels"))], tmp_path / "published")
    for path, content in bytes_of(tmp_path / "wheels").items():
        server.pages[f"/static/{path}"] = ("application/octet-stream", content)
    build_index([open_source(f"{server.url}/static/index.json")], tmp_path / "published-on-the-web")

    wanted = processors(tmp_path / "wheels")
    assert wanted["dataflows-core"]
    assert processors(tmp_path / "package-index") == wanted
    assert processors(tmp_path / "published") == wanted
    assert processors(tmp_path / "published-on-the-web") == wanted
    for wheel in own_wheels.iterdir():
        zipfile.ZipFile(wheel).extractall(tmp_path / "site-packages")  # as an installer does
    monkeypatch.syspath_prepend(tmp_path / "site-packages")
    here = {one.distribution: [dumps(p) for p in one.processors] for one in installed()}
    assert {name: here[name] for name in wanted} == wanted


def test_an_editable_installation_is_read_where_its_checkout_is():
    (core,) = [one for one in installed() if one.distribution == "dataflows-core"]

    load = next(one for one in core.processors if one.name == "load")
    assert load.summary
    assert load.problems == ()


@pytest.mark.parametrize("kind", ["wheels", "package index", "published", "published on the web"])
def test_an_unchanged_source_costs_validation_alone_and_changes_no_byte(make_wheel, server, tmp_path, kind):
    make_wheel()
    make_wheel("dataflows-whisper")
    wheels = tmp_path / "wheels"
    publish(server, wheels)
    build_index([open_source(str(wheels))], tmp_path / "made")
    for path, content in bytes_of(tmp_path / "made").items():
        server.pages[f"/static/{path}"] = ("application/octet-stream", content)
    place, asked = {
        "wheels": (str(wheels), []),
        "package index": (
            f"{server.url}/simple/",
            [("/simple/", 304), ("/simple/dataflows-shout/", 304), ("/simple/dataflows-whisper/", 304)],
        ),
        "published": (str(tmp_path / "made"), []),
        "published on the web": (f"{server.url}/static/index.json", [("/static/index.json", 304)]),
    }[kind]
    target = tmp_path / "index"
    first = build_index([open_source(place)], target)
    before, times = bytes_of(target), {p: p.stat().st_mtime_ns for p in target.rglob("*")}
    server.requests.clear()

    second = build_index([open_source(place)], target)

    assert first.changed == ["dataflows-shout", "dataflows-whisper"]
    assert second.changed == second.gone == second.problems == []
    assert bytes_of(target) == before
    assert {p: p.stat().st_mtime_ns for p in target.rglob("*") if p.is_file()} == {
        p: time for p, time in times.items() if p.is_file()
    }
    assert server.requests == asked


def test_only_what_is_new_at_a_package_index_is_downloaded(make_wheel, server, tmp_path):
    make_wheel(), make_wheel("dataflows-whisper")
    publish(server, tmp_path / "wheels")
    target, source = tmp_path / "index", f"{server.url}/simple/"
    build_index([open_source(source)], target)
    new = make_wheel(version="1.1")
    publish(server, tmp_path / "wheels")
    server.requests.clear()

    built = build_index([open_source(source)], target)

    assert built.changed == ["dataflows-shout"]
    assert [path for path, _ in server.requests if path.startswith("/files")] == [f"/files/{new.name}"]
    found = Index(target).distribution("dataflows-shout")
    assert [release.version for release in found.releases] == ["1.1", "1.0"]


def test_serials_spare_even_the_validation(make_wheel, server, tmp_path):
    make_wheel()
    publish(server, tmp_path / "wheels")
    root = {"meta": {"api-version": "1.4"}, "projects": [{"name": "dataflows-shout", "_last-serial": 7}]}
    server.pages["/simple/"] = (JSON, json.dumps(root).encode())
    build_index([open_source(f"{server.url}/simple")], tmp_path / "index")
    server.requests.clear()

    build_index([open_source(f"{server.url}/simple")], tmp_path / "index")

    assert server.requests == [("/simple/", 304)]


@pytest.mark.parametrize("html", [False, True])
def test_what_an_index_says_of_files_is_kept(make_wheel, server, tmp_path, html):
    old, new = make_wheel(), make_wheel(version="2.0")
    publish(server, tmp_path / "wheels", html, {new.name: {"yanked": "eats data"}})

    releases, reading = read(f"{server.url}/simple/")

    assert reading.problems == []
    assert {release.version: release.yanked for release in releases} == {"1.0": None, "2.0": "eats data"}
    (file,) = releases[0].files
    assert (file.name, file.size) == (old.name, old.stat().st_size)
    assert file.sha256 == hashlib.sha256(old.read_bytes()).hexdigest()
    assert releases[0].upload_time == (None if html else "2026-01-02T03:04:05+00:00")


def test_only_plugins_and_listed_extras_are_looked_at(make_wheel, server, tmp_path):
    files = {"acme_flows.py": "def load():\n    pass\n"}
    make_wheel(
        "acme-flows", files=files, entry_points="[dataflows.processors]\nload_acme = acme_flows:load\n"
    )
    make_wheel("other-thing", files={}, entry_points="")
    make_wheel("dataflows-empty", files={}, entry_points="")
    make_wheel()
    publish(server, tmp_path / "wheels")

    plain, _ = read(f"{server.url}/simple/")
    more, _ = read(f"{server.url}/simple/", extras=["Acme_Flows", "dataflows-absent"])

    assert [release.distribution for release in plain] == ["dataflows-shout"]
    assert [release.distribution for release in more] == ["acme-flows", "dataflows-shout"]
    assert more[0].processors[0].qualified_name == "acme-flows.load_acme"


def test_a_file_of_another_hash_is_not_used(make_wheel, server, tmp_path):
    wheel = make_wheel()
    publish(server, tmp_path / "wheels", changes={wheel.name: {"hashes": {"sha256": "0" * 64}}})

    releases, reading = read(f"{server.url}/simple/")

    assert releases == []
    assert "has not the sha256 that the index lists" in reading.problems[0]
    assert wheel.name in reading.problems[0]


def test_quarantine_and_removal_are_remembered(make_wheel, server, tmp_path):
    make_wheel(), make_wheel("dataflows-whisper"), make_wheel("dataflows-whisper", "1.1")
    publish(server, tmp_path / "wheels")
    target, source = tmp_path / "index", f"{server.url}/simple/"
    build_index([open_source(source)], target)
    whisper = tmp_path / "wheels" / "dataflows_whisper-1.1-py3-none-any.whl"
    whisper.unlink()
    publish(server, tmp_path / "wheels", status={"status": "quarantined", "reason": "malware"})
    shout = server.pages["/simple/dataflows-shout/"]
    publish(server, tmp_path / "wheels")
    server.pages["/simple/dataflows-shout/"] = shout

    build_index([open_source(source)], target)

    index = Index(target)
    assert index.distribution("dataflows-shout").latest.status == "quarantined: malware"
    assert [one.version for one in index.distribution("dataflows-whisper").releases] == ["1.0"]
    removed = json.loads((target / "removed.json").read_text())
    assert removed == {"dataflows-whisper 1.1": "the index has it no longer"}

    root = {"meta": {"api-version": "1.4"}, "projects": [{"name": "dataflows-shout"}]}
    server.pages["/simple/"] = (JSON, json.dumps(root).encode())
    build_index([open_source(source)], target)
    build_index([open_source(source)], target)
    removed = json.loads((target / "removed.json").read_text())
    assert removed["dataflows-whisper"] == "the index has it no longer"
    assert index.distribution("dataflows-whisper") is None


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (JSON, b"{"), (JSON, b"[]"), (JSON, b'{"projects": 5}'), (JSON, b"[" * 100_000),
        (JSON, b'{"meta": {"api-version": "9.0"}, "projects": []}'), ("text/plain", b"\xff\xfe"),
    ],
)  # fmt: skip
def test_an_address_that_is_no_package_index_is_refused(server, tmp_path, kind, content):
    server.pages["/simple/"] = (kind, content)
    if kind == JSON:
        with pytest.raises(DataError, match=r"127\.0\.0\.1"):
            build_index([open_source(f"{server.url}/simple/")], tmp_path / "index")
        assert not (tmp_path / "index").exists()


def test_an_address_where_nothing_is_is_refused(server):
    with pytest.raises(AccessError, match="answers with 404"):
        read(f"{server.url}/simple/")
    with pytest.raises(AccessError, match=r"cannot be read: ConnectionError"):
        read("http://127.0.0.1:1/simple/")


def test_a_damaged_published_index_is_refused(make_wheel, tmp_path):
    make_wheel()
    made = tmp_path / "made"
    build_index([open_source(str(tmp_path / "wheels"))], made)
    path = made / "dist" / "dataflows-shout.json"
    path.write_text(path.read_text().replace("capitals", "cap1tals"))

    with pytest.raises(DataError, match=r"is not the file that its index\.json lists"):
        build_index([open_source(str(made))], tmp_path / "copy")

    root = json.loads((made / "index.json").read_text())
    root["distributions"] = {"../../escape": {}}
    (made / "index.json").write_text(json.dumps(root))
    with pytest.raises(DataError, match="names no distribution"):
        read(str(made))


def test_sources_that_are_none_are_refused(tmp_path):
    with pytest.raises(FlowError, match="nothing is there"):
        open_source(str(tmp_path / "absent"))
    with pytest.raises(FlowError, match="offline"):
        open_source("https://user:secret@example.org/simple/", offline=True)
    with pytest.raises(FlowError, match="http and https alone"):
        open_source("ftp://example.org/simple/")


def test_pip_says_which_index_it_uses(make_wheel, server, tmp_path, monkeypatch):
    make_wheel()
    publish(server, tmp_path / "wheels")
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")

    releases, _ = read("pip")

    assert [release.distribution for release in releases] == ["dataflows-shout"]
