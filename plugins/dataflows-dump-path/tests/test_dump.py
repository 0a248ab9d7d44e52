from __future__ import annotations

import csv
import hashlib
import io
import json
import warnings
import zipfile
from decimal import Decimal

import pytest

from dataflows_core import Flow
from dataflows_core.commit import STAGING, Commit
from dataflows_core.errors import FlowError, ProcessorError
from dataflows_core.resource import Resource
from dataflows_dump_path import dump_to_path, dump_to_zip
from dataflows_dump_path.csv_writer import CsvWriter
from dataflows_dump_path.descriptor import descriptor_hash, resource_path

ROWS = [{"id": 1, "name": 'a "b"', "price": Decimal("1.10")}, {"id": 2, "name": None, "price": None}]


def tree(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def descriptor_of(folder):
    return json.loads((folder / "datapackage.json").read_bytes())


def update(**changes):
    """A step that changes the descriptor of the first resource."""

    def step(package):
        package.resources[0].properties.update(changes)

    return step


def field_update(name, **changes):
    def step(package):
        resource = package.resources[0]
        resource.schema = resource.schema.add(resource.schema.field(name).update(**changes))

    return step


def validated(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import datapackage

        package = datapackage.Package(str(path))
        assert package.valid, package.errors
        return package


def test_what_is_written(tmp_path):
    stats = Flow(ROWS, ROWS[:1], dump_to_path(tmp_path)).process().stats
    files = tree(tmp_path)
    assert sorted(files) == ["datapackage.json", "res_1.csv", "res_2.csv"]
    assert files["res_1.csv"] == b'id,name,price\r\n1,"a ""b""",1.1\r\n2,,\r\n'
    descriptor = json.loads(files["datapackage.json"])
    for resource, rows in zip(descriptor["resources"], (2, 1), strict=True):
        data = files[resource["path"]]
        assert resource["hash"] == f"sha256:{hashlib.sha256(data).hexdigest()}"
        assert (resource["bytes"], resource["count_of_rows"]) == (len(data), rows)
    sizes = sum(len(files[name]) for name in ("res_1.csv", "res_2.csv"))
    assert (descriptor["bytes"], descriptor["count_of_rows"]) == (sizes, 3)
    digest = descriptor.pop("hash")
    assert digest == descriptor_hash(descriptor)
    sizes += len(files["datapackage.json"])
    assert stats == {"count_of_rows": 3, "bytes": sizes, "hash": digest, "dataset_name": None}


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_the_reference_library_reads_the_same_rows_and_checks_the_hashes(tmp_path, kind):
    Flow(ROWS, dump_to_path(tmp_path, format=kind)).process()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (resource,) = validated(tmp_path / "datapackage.json").resources
        assert resource.read(keyed=True) == ROWS
        if kind == "csv":
            assert resource.check_integrity()


def test_twice_the_same_flow_gives_the_same_bytes(tmp_path):
    flow = Flow(
        ROWS, dump_to_path(tmp_path / "a"), dump_to_path(tmp_path / "b"), dump_to_zip(tmp_path / "c.zip")
    )
    flow.process()
    before = tree(tmp_path)
    flow.process()
    assert tree(tmp_path) == before
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
    with zipfile.ZipFile(tmp_path / "c.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == tree(tmp_path / "a")
        assert archive.testzip() is None


def fail(rows):
    for number, row in enumerate(rows):
        if number == 1:
            raise ValueError("no")
        yield row


@pytest.mark.parametrize("dump", [dump_to_path, lambda path: dump_to_zip(path / "x.zip")])
def test_a_failed_run_leaves_the_previous_output(tmp_path, dump):
    Flow(ROWS[:1], dump(tmp_path)).process()
    before = tree(tmp_path)
    for flow in (Flow(ROWS, fail, dump(tmp_path)), Flow(ROWS, dump(tmp_path), fail)):
        with pytest.raises(ProcessorError):
            flow.process()
        assert tree(tmp_path) == before
        assert not [p for p in tmp_path.iterdir() if p.is_dir()]


def test_a_failed_run_leaves_no_folder(tmp_path):
    with pytest.raises(ProcessorError):
        Flow(
            ROWS, fail, dump_to_path(tmp_path / "new" / "out"), dump_to_zip(tmp_path / "zips" / "x.zip")
        ).process()
    assert list(tmp_path.iterdir()) == []


def test_one_dump_that_fails_at_the_end_leaves_no_staging(tmp_path):
    (tmp_path / "out" / "res_1.csv").mkdir(parents=True)
    with pytest.raises(ProcessorError, match="folder"):
        Flow(ROWS, dump_to_path(tmp_path / "out")).process()
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["res_1.csv"]


def test_foreign_files_stay_and_what_the_last_dump_wrote_goes(tmp_path):
    Flow(ROWS, ROWS, ROWS, dump_to_path(tmp_path)).process()
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "res_3.csv").write_text("mine, since")
    Flow(ROWS, dump_to_path(tmp_path)).process()
    assert sorted(tree(tmp_path)) == ["datapackage.json", "notes.txt", "res_1.csv", "res_3.csv"]
    assert (tmp_path / "res_3.csv").read_text() == "mine, since"


def test_files_of_a_package_that_others_wrote_stay(tmp_path):
    data = b"id\n1\n"
    resource = {
        "name": "theirs",
        "path": "theirs.csv",
        "bytes": len(data),
        "hash": hashlib.sha256(data).hexdigest(),
    }
    (tmp_path / "theirs.csv").write_bytes(data)
    for descriptor in (
        {"resources": [resource]},
        {"resources": [resource], "hash": "x"},
        [],
        {"resources": 1},
        "{",
    ):
        (tmp_path / "datapackage.json").write_text(json.dumps(descriptor))
        Flow(ROWS, dump_to_path(tmp_path)).process()
        assert (tmp_path / "theirs.csv").read_bytes() == data


def test_another_format_takes_the_place_of_the_first(tmp_path):
    Flow(ROWS, dump_to_path(tmp_path)).process()
    Flow(ROWS, dump_to_path(tmp_path, format="ndjson")).process()
    assert sorted(tree(tmp_path)) == ["datapackage.json", "res_1.ndjson"]


def test_two_dumps_into_one_folder_are_refused(tmp_path):
    with pytest.raises(ProcessorError, match="two dumps of this program"):
        Flow(ROWS, dump_to_path(tmp_path), dump_to_path(tmp_path)).process()
    other = Commit(tmp_path)
    try:
        with pytest.raises(ProcessorError, match="two dumps of this program"):
            Flow(ROWS, dump_to_path(tmp_path)).process()
    finally:
        other.abort()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "path", ["../x.csv", "/tmp/x.csv", "a/../../x.csv", "C:\\x.csv", f"{STAGING}/x.csv", ".x.csv"]
)
def test_a_hostile_path_is_refused(tmp_path, path):
    with pytest.raises(ProcessorError) as caught:
        Flow(ROWS, update(path=path), dump_to_path(tmp_path / "out")).process()
    assert isinstance(caught.value.cause, FlowError)
    assert list(tmp_path.iterdir()) == []


def test_two_resources_of_one_path_are_refused(tmp_path):
    with pytest.raises(ProcessorError, match=r"both become 'res_2\.csv'"):
        Flow(ROWS, update(path="res_2.tsv"), ROWS, dump_to_path(tmp_path)).process()


@pytest.mark.parametrize(
    ("name", "path", "extension", "expected"),
    [
        ("a", None, "csv", "a.csv"),
        ("a", "data/b.xlsx", "json", "data/b.json"),
        ("a", "b.csv.gz", "csv", "b.csv"),
        ("a", "population.2020", "csv", "population.2020.csv"),
        ("a", ["x.csv", "y.csv"], "csv", "a.csv"),
        ("a", "https://example.org/x.tsv?y=1", "csv", "a.csv"),
        ("a", "https://example.org/logo.png?y=1", None, "logo.png"),
        ("a", "docs/logo.png", None, "docs/logo.png"),
    ],
)
def test_paths(name, path, extension, expected):
    assert resource_path(name, path, extension) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delimitr": ";"}, "did you mean delimiter"),
        ({"pretty-descriptor": True}, "no option 'pretty-descriptor'"),
        ({"format": "csvv"}, "did you mean csv"),
        ({"format": "json", "delimiter": ";"}, r"dump_to_\w+\(format='json'\) has no option 'delimiter'"),
        ({"counters": {"datapackage-rows": "x"}}, "did you mean datapackage-rowcount"),
        ({"validator_options": {"on_errors": "drop"}}, "its one option is on_error"),
        ({"validator_options": {"on_error": "dorp"}}, "on_error is 'dorp'"),
    ],
)
def test_an_unknown_option_is_refused_when_the_flow_is_written(tmp_path, options, message):
    for dump in (dump_to_path, dump_to_zip):
        with pytest.raises(FlowError, match=message):
            dump(tmp_path / "out", **options)


def test_what_can_only_be_read_is_no_target():
    with pytest.raises(FlowError, match="the web is only read"):
        dump_to_path("https://example.org/out")


def test_a_url_of_a_file_is_a_path(tmp_path):
    Flow(ROWS, dump_to_path(f"{tmp_path.as_uri()}/out")).process()
    assert sorted(tree(tmp_path / "out")) == ["datapackage.json", "res_1.csv"]


def test_the_format_of_the_path(tmp_path):
    Flow(ROWS, update(path="data/x.json"), ROWS, dump_to_path(tmp_path, force_format=False)).process()
    assert sorted(tree(tmp_path)) == ["data/x.json", "datapackage.json", "res_2.csv"]
    with pytest.raises(ProcessorError, match="no writer named 'xyz'"):
        Flow(ROWS, update(path="x.xyz"), dump_to_path(tmp_path, force_format=False)).process()


def test_a_formatter_of_the_users_own(tmp_path):
    class Shouting(CsvWriter):
        extension = "txt"

        def encode(self, batch):
            return bytes(super().encode(batch)).upper()

    Flow(ROWS, dump_to_path(tmp_path, format="shout", file_formatters={"shout": Shouting})).process()
    assert b'"A ""B"""' in (tmp_path / "res_1.txt").read_bytes()


def test_counters(tmp_path):
    names = {"datapackage-rowcount": "counts.rows", "datapackage-hash": None, "resource-bytes": "size"}
    Flow(ROWS, dump_to_path(tmp_path, counters=names)).process()
    descriptor = descriptor_of(tmp_path)
    assert descriptor["counts"] == {"rows": 2}
    assert "hash" not in descriptor
    assert "count_of_rows" not in descriptor
    resource = descriptor["resources"][0]
    assert "bytes" not in resource
    assert resource["size"] == (tmp_path / "res_1.csv").stat().st_size


def test_the_hash_in_the_path(tmp_path):
    Flow(ROWS, dump_to_path(tmp_path, add_filehash_to_path=True)).process()
    (resource,) = descriptor_of(tmp_path)["resources"]
    data = (tmp_path / resource["path"]).read_bytes()
    assert resource["path"] == f"{hashlib.sha256(data).hexdigest()}/res_1.csv"
    Flow(ROWS[:1], dump_to_path(tmp_path, add_filehash_to_path=True)).process()
    assert len(tree(tmp_path)) == 2  # the file of the first dump is gone, and its folder
    assert len(list(tmp_path.iterdir())) == 2


def test_titles_for_names(tmp_path):
    Flow(ROWS, field_update("name", title="The Name"), dump_to_path(tmp_path, use_titles=True)).process()
    assert (tmp_path / "res_1.csv").read_bytes().startswith(b"id,The Name,price\r\n")
    (resource,) = validated(tmp_path / "datapackage.json").resources
    assert resource.read(keyed=True)[0]["The Name"] == 'a "b"'


def test_dates_in_a_format_of_their_own(tmp_path):
    import datetime as dt

    rows = [{"day": dt.date(2020, 3, 1), "n": 1}, {"day": None, "n": 2}]
    Flow(
        rows, field_update("day", out="%B %d, %Y"), dump_to_path(tmp_path, temporal_format_property="out")
    ).process()
    assert (tmp_path / "res_1.csv").read_text() == 'day,n\n"March 01, 2020",1\n,2\n'
    (resource,) = validated(tmp_path / "datapackage.json").resources
    assert resource.descriptor["schema"]["fields"][0]["type"] == "date"
    assert resource.read(keyed=True) == rows
    with pytest.raises(ProcessorError, match="no format such as"):
        Flow(
            rows, field_update("day", out="iso"), dump_to_path(tmp_path, temporal_format_property="out")
        ).process()


def test_how_values_were_read_is_not_said_of_what_is_written(tmp_path):
    changes = {"decimalChar": ",", "groupChar": ".", "constraints": {"maximum": "1.000,5"}}

    def missing(package):
        package.resources[0].schema = package.resources[0].schema.with_properties(missingValues=["-"])

    Flow(ROWS, field_update("price", **changes), missing, dump_to_path(tmp_path)).process()
    schema = descriptor_of(tmp_path)["resources"][0]["schema"]
    assert schema == {
        "fields": [
            {"name": "id", "type": "integer"},
            {"name": "name", "type": "string"},
            {"name": "price", "type": "number", "constraints": {"maximum": "1000.5"}},
        ]
    }


def test_what_the_descriptor_promises_is_checked(tmp_path):
    limit = field_update("id", constraints={"maximum": 1})
    with pytest.raises(ProcessorError, match="maximum"):
        Flow(ROWS, limit, dump_to_path(tmp_path)).process()
    assert list(tmp_path.iterdir()) == []
    stats = Flow(ROWS, limit, dump_to_path(tmp_path, validator_options={"on_error": "drop"})).process().stats
    assert (stats["dropped"], stats["count_of_rows"]) == (1, 1)


def add_files(*paths, **properties):
    def step(package):
        resource = Resource("logo", properties={"path": "logo.bin", **properties})
        resource.source = [str(path) for path in paths]
        package.add(resource)

    return step


def test_other_files_are_copied(tmp_path):
    (tmp_path / "source.bin").write_bytes(b"\0\1\2")
    out = tmp_path / "out"
    Flow(ROWS, add_files(tmp_path / "source.bin"), dump_to_path(out)).process()
    logo = descriptor_of(out)["resources"][1]
    assert (out / "logo.bin").read_bytes() == b"\0\1\2"
    assert (logo["bytes"], logo["hash"]) == (3, f"sha256:{hashlib.sha256(bytes([0, 1, 2])).hexdigest()}")
    assert "count_of_rows" not in logo
    Flow(ROWS, add_files(f"file://{tmp_path}/source.bin"), dump_to_path(out)).process()
    assert (out / "logo.bin").read_bytes() == b"\0\1\2"


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ProcessorError, match=r"there is no file .*none"):
        Flow(ROWS, add_files(tmp_path / "none.bin"), dump_to_path(tmp_path / "out")).process()
    assert list(tmp_path.iterdir()) == []


def test_the_descriptor_is_readable_and_stable(tmp_path):
    def title(package):
        package.properties.update(title="Straße", name="streets")

    Flow(ROWS, title, dump_to_path(tmp_path)).process()
    text = (tmp_path / "datapackage.json").read_text("utf-8")
    assert "Straße" in text
    assert list(json.loads(text))[:3] == ["profile", "name", "title"]
    assert list(json.loads(text))[-1] == "resources"
    Flow(ROWS, title, dump_to_path(tmp_path, pretty_descriptor=False)).process()
    flat = (tmp_path / "datapackage.json").read_text("utf-8")
    assert flat.count("\n") == 1
    assert json.loads(flat) == json.loads(text)  # the hash too: it does not depend on the spelling


def test_rows_pass_on_and_the_package_stays_as_it_was(tmp_path):
    rows, package, _ = Flow(ROWS, dump_to_path(tmp_path, format="json")).results()
    assert rows == [ROWS]
    assert package.descriptor["resources"][0]["path"] == "res_1.csv"


def test_an_empty_table(tmp_path):
    Flow(ROWS, lambda rows: (row for row in rows if False), dump_to_path(tmp_path, format="json")).process()
    assert json.loads((tmp_path / "res_1.json").read_bytes()) == []


def test_many_batches(tmp_path):
    rows = [{"id": n, "text": f"é,{n}" if n % 3 else None} for n in range(70_000)]
    for kind in ("csv", "json", "ndjson"):
        Flow(rows, dump_to_path(tmp_path, format=kind)).process()
        text = (tmp_path / f"res_1.{kind}").read_text("utf-8")
        if kind == "csv":
            found = [
                {"id": int(r["id"]), "text": r["text"] or None} for r in csv.DictReader(io.StringIO(text))
            ]
        elif kind == "json":
            found = json.loads(text)
        else:
            found = [json.loads(line) for line in text.split("\n")[:-1]]
        assert found == rows


@pytest.mark.parametrize("dump", [dump_to_path, dump_to_zip])
def test_an_unknown_option_names_the_dump_and_the_format(dump, tmp_path):
    with pytest.raises(FlowError, match=rf"^{dump.__name__}\(format='csv'\) has no option 'delimeter'; did"):
        dump(tmp_path / "out", delimeter=";")
