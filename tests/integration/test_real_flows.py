"""Flows over the real data, as a newsroom or a statistics office has them; plain Python knows the figures.

What a flow gives is compared with what the `csv` module and `Decimal` make of the same files, row by row.
"""

from __future__ import annotations

import csv
import hashlib
import json
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from dataflows_core import Flow, Package, ProcessorError
from dataflows_core.processors import (
    add_computed_field,
    check_keys,
    checkpoint,
    compute,
    concatenate,
    deduplicate,
    dump_to_excel,
    dump_to_path,
    dump_to_zip,
    explode,
    fill_down,
    filter_rows,
    hash_fields,
    join,
    join_with_self,
    load,
    lookup,
    parallelize,
    partition,
    pivot,
    profile,
    rename_fields,
    row_number,
    select_fields,
    set_primary_key,
    set_type,
    sort_rows,
    split_field,
    sql,
    unpivot,
    update_schema,
    validate,
)

EMISSIONS = "co2-fossil-by-nation/data/fossil-fuel-co2-emissions-by-nation.csv"
WORKBOOK = "co2-fossil-by-nation/archive/fossil-fuel-co2-emissions-by-nation.xlsx"
POPULATION = "population/data/population.csv"
CITIES = "world-cities/data/world-cities.csv"
COUNTRIES = "country-codes/data/country-codes.csv"

CODE, NAME = "ISO3166-1-Alpha-3", "CLDR display name"
FUELS = ("Solid Fuel", "Liquid Fuel", "Gas Fuel", "Cement", "Gas Flaring")
FORMATS = ("csv", "tsv", "json", "ndjson", "parquet", "arrow", "xlsx")

Rows = list[dict[str, Any]]


@cache
def read(path: Path) -> list[dict[str, str]]:
    """The rows of a file as the standard library reads them; nobody changes them."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def number(text: str) -> Decimal | None:
    return Decimal(text) if text else None


def quotient(dividend: Decimal, divisor: Decimal | int, places: int = 12) -> Decimal:
    """Divided as it is documented: exact, then rounded half-even at the last decimal."""
    with localcontext(prec=100):
        exact = Decimal(dividend) / divisor
        return exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)


def result(*links: Any) -> Rows:
    """The rows of the one resource that a flow ends with."""
    (rows,) = Flow(*links).results().rows
    return rows


def codes_by_name(data: Path) -> dict[str, str]:
    return {row[NAME].upper(): row[CODE] for row in read(data / COUNTRIES)}


def test_emissions_a_head_of_every_country_and_year(shared_data: Path) -> None:
    """Names lead to codes, codes and years to the population; then a division and an order."""
    rows = result(
        load(shared_data / COUNTRIES, name="countries"),
        select_fields([CODE, NAME], resources="countries"),
        compute(key=f'upper("{NAME}")', resources="countries"),
        load(shared_data / "co2-fossil-by-nation", name="emissions"),
        rename_fields({"Country": "country"}, resources=-1),
        filter_rows("Year >= 2008 AND Total > 0", resources=-1),
        join("countries", "key", "emissions", "country", {"code": {"name": CODE}}, mode="inner"),
        load(shared_data / "population"),
        join(
            "population",
            ["Country Code", "Year"],
            "emissions",
            ["code", "Year"],
            {"people": {"name": "Value"}},
            mode="inner",
        ),
        compute(tonnes='Total * 1000 / people'),
        select_fields(["code", "Year", "tonnes"]),
        sort_rows("tonnes desc, code, Year"),
    )  # fmt: skip

    codes = codes_by_name(shared_data)
    people = {(row["Country Code"], row["Year"]): row["Value"] for row in read(shared_data / POPULATION)}
    expected = []
    for row in read(shared_data / EMISSIONS):
        code = codes.get(row["Country"])
        if int(row["Year"]) < 2008 or int(row["Total"]) <= 0 or (code, row["Year"]) not in people:
            continue
        tonnes = quotient(Decimal(row["Total"]) * 1000, Decimal(people[code, row["Year"]]))
        expected.append({"code": code, "Year": int(row["Year"]), "tonnes": tonnes})
    expected.sort(key=lambda row: (-row["tonnes"], row["code"], row["Year"]))
    assert len(rows) > 2_000
    assert rows == expected


def test_fuels_as_rows_and_as_columns_again(shared_data: Path) -> None:
    """Unpivot makes one row of each figure, pivot brings the table back that there was."""
    long = Flow(
        load(shared_data / EMISSIONS, name="emissions"),
        select_fields(["Year", "Country", *FUELS]),
        unpivot(
            [{"name": fuel, "keys": {"fuel": fuel.lower()}} for fuel in FUELS],
            [{"name": "fuel", "type": "string"}],
            {"name": "carbon", "type": "number"},
        ),
        filter_rows("carbon is not null"),
    )
    wide = result(long, pivot("fuel", "carbon", columns={fuel: fuel.lower() for fuel in FUELS}))
    totals = result(long, join_with_self("emissions", "fuel", {"fuel": None, "carbon": {"aggregate": "sum"}}))

    expected = [
        {"Year": int(row["Year"]), "Country": row["Country"], **{fuel: number(row[fuel]) for fuel in FUELS}}
        for row in read(shared_data / EMISSIONS)
        if any(row[fuel] for fuel in FUELS)
    ]
    assert wide == expected
    assert {row["fuel"]: row["carbon"] for row in totals} == {
        fuel.lower(): sum(row[fuel] or 0 for row in expected) for fuel in FUELS
    }


def test_of_cities_that_share_a_name_the_one_that_was_listed_last(shared_data: Path) -> None:
    """Sorted so that the wanted row comes first, deduplicated, and numbered."""
    rows = result(
        load(shared_data / CITIES),
        sort_rows("country, name, geonameid desc"),
        deduplicate(keys=["country", "name"]),
        row_number("number"),
        select_fields(["number", "country", "name", "geonameid"]),
    )

    chosen: dict[tuple[str, str], int] = defaultdict(int)
    for row in read(shared_data / CITIES):
        key = row["country"], row["name"]
        chosen[key] = max(chosen[key], int(row["geonameid"]))
    expected = [(*key, chosen[key]) for key in sorted(chosen)]
    assert [(row["country"], row["name"], row["geonameid"]) for row in rows] == expected
    assert [row["number"] for row in rows] == list(range(1, len(expected) + 1))


def test_each_country_s_record_with_averages_that_are_exact(shared_data: Path) -> None:
    """A group of all years of a country: sums, counts, extremes, and means to the last decimal."""
    rows = result(
        load(shared_data / EMISSIONS, name="emissions"),
        join_with_self(
            "emissions",
            ["Country"],
            {
                "Country": None,
                "years": {"aggregate": "count"},
                "since": {"name": "Year", "aggregate": "min"},
                "carbon": {"name": "Total", "aggregate": "sum"},
                "peak": {"name": "Total", "aggregate": "max"},
                "mean": {"name": "Total", "aggregate": "avg"},
                "a_head": {"name": "Per Capita", "aggregate": "avg"},
            },
        ),
    )

    groups: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in read(shared_data / EMISSIONS):
        groups[row["Country"]].append(row)
    expected = []
    for country in sorted(groups):
        years = groups[country]
        totals = [int(row["Total"]) for row in years]
        heads = [Decimal(row["Per Capita"]) for row in years if row["Per Capita"]]
        expected.append(
            {
                "Country": country,
                "years": len(years),
                "since": min(int(row["Year"]) for row in years),
                "carbon": sum(totals),
                "peak": max(totals),
                "mean": quotient(Decimal(sum(totals)), len(totals)),
                "a_head": quotient(sum(heads, Decimal(0)), len(heads), 21) if heads else None,
            }
        )
    assert len(rows) == 259
    assert rows == expected


def test_the_three_greatest_emitters_of_each_decade(shared_data: Path) -> None:
    """One SELECT groups, ranks within windows and orders; the cities' table beside it stays out of it."""
    query = """
        WITH decades AS (
            SELECT Year // 10 * 10 AS decade, Country AS country, sum(Total) AS carbon
            FROM emissions GROUP BY ALL
        )
        SELECT decade, country, carbon, rank() OVER (PARTITION BY decade ORDER BY carbon DESC) AS place
        FROM decades QUALIFY place <= 3 ORDER BY decade, place, country
    """
    results = Flow(
        load(shared_data / CITIES, name="cities"),
        load(shared_data / EMISSIONS, name="emissions"),
        sql(query, name="greatest", resources="emissions", source_delete=True),
    ).results()

    sums: dict[int, Counter[str]] = defaultdict(Counter)
    for row in read(shared_data / EMISSIONS):
        sums[int(row["Year"]) // 10 * 10][row["Country"]] += int(row["Total"])
    expected = []
    for decade in sorted(sums):
        ranked = [
            (1 + sum(other > carbon for other in sums[decade].values()), country, carbon)
            for country, carbon in sums[decade].items()
        ]
        expected += [
            (decade, country, carbon, place) for place, country, carbon in sorted(ranked) if place <= 3
        ]
    assert results.package.names == ["cities", "greatest"]
    assert [tuple(row.values()) for row in results.rows[1]] == expected


def test_keys_hold_within_tables_and_what_does_not_lead_to_a_country_is_told(
    shared_data: Path, tmp_path: Path
) -> None:
    """Primary keys of three tables, and a foreign key that the regions of the World Bank break."""
    reference = {"fields": "Country Code", "reference": {"resource": "countries", "fields": CODE}}
    tables = Flow(
        load(shared_data / "population"),
        set_primary_key(["Country Code", "Year"], resources="population"),
        load(shared_data / "world-cities"),
        set_primary_key(["geonameid"], resources="world-cities"),
        load(shared_data / COUNTRIES, name="countries"),
        set_primary_key([CODE], resources="countries"),
    )
    _, stats = Flow(tables, check_keys(), dump_to_path(tmp_path)).process()
    assert stats["count_of_rows"] == sum(
        len(read(shared_data / path)) for path in (POPULATION, CITIES, COUNTRIES)
    )

    declared = Flow(tables, update_schema("population", foreignKeys=[reference]), check_keys(limit=3))
    with pytest.raises(ProcessorError) as caught:
        declared.process()

    codes = set(codes_by_name(shared_data).values())
    population = read(shared_data / POPULATION)
    broken = [place for place, row in enumerate(population, 1) if row["Country Code"] not in codes]
    message = str(caught.value).replace(",", "")
    assert f"{len(broken)} keys are broken" in message
    for place in broken[:3]:
        assert (
            f"row {place}: the foreign key Country Code={population[place - 1]['Country Code']!r}" in message
        )


def test_totals_that_are_not_the_sum_of_their_parts_are_reported(shared_data: Path) -> None:
    """A sum, a check with a report, and the report grouped: nothing is lost, and every error is told."""
    results = Flow(
        load(shared_data / EMISSIONS, name="emissions"),
        add_computed_field(target="parts", operation="sum", source=list(FUELS)),
        validate("Total", "Total = parts", report="errors"),
    ).results()
    emissions, errors = results.rows

    original = read(shared_data / EMISSIONS)
    parts = [sum(int(row[fuel] or 0) for fuel in FUELS) for row in original]
    wrong = [place for place, row in enumerate(original) if int(row["Total"]) != parts[place]]
    assert [row["parts"] for row in emissions] == parts
    assert [(row["row"], row["field"], row["value"]) for row in errors] == [
        (place + 1, "Total", original[place]["Total"]) for place in wrong
    ]
    assert [row["values"]["Country"] for row in errors] == [original[place]["Country"] for place in wrong]


def test_a_list_whose_groups_are_named_once_is_filled_down(shared_data: Path, tmp_path: Path) -> None:
    """Continents as a printed table has them, written as CSV, read and filled again."""

    def name_once(rows: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
        last = None
        for row in rows:
            this = row["Region Name"]
            yield {**row, "Region Name": None if this == last else this}
            last = this

    fields = ["Region Name", NAME, "Capital"]
    Flow(
        load(shared_data / COUNTRIES, name="countries"),
        select_fields(fields),
        filter_rows('"Region Name" is not null'),
        sort_rows(f'"Region Name", "{NAME}"'),
        name_once,
        dump_to_path(tmp_path),
    ).process()
    printed = read(tmp_path / "countries.csv")
    rows = result(load(tmp_path), fill_down("Region Name"))

    countries = [row for row in read(shared_data / COUNTRIES) if row["Region Name"]]
    expected = sorted(
        ({name: row[name].strip() or None for name in fields} for row in countries),
        key=lambda row: (row["Region Name"], row[NAME]),
    )
    assert sum(bool(row["Region Name"]) for row in printed) == len({row["Region Name"] for row in countries})
    assert [{name: row[name] for name in fields} for row in rows] == expected


def test_languages_by_the_number_of_countries_that_speak_them(shared_data: Path) -> None:
    """A delimited cell becomes rows, these lose their regions, and are counted."""
    rows = result(
        load(shared_data / COUNTRIES, name="countries"),
        explode("Languages", ",", keep_empty=False, index="place"),
        split_field("Languages", ["language", "region"], "-"),
        filter_rows("language is not null"),  # one list ends with a comma
        deduplicate(keys=[CODE, "language"]),
        join_with_self("countries", "language", {"language": None, "countries": {"aggregate": "count"}}),
        sort_rows("countries desc, language"),
    )

    spoken = Counter(
        language
        for row in read(shared_data / COUNTRIES)
        for language in {
            part.strip().partition("-")[0] for part in row["Languages"].split(",") if part.strip()
        }
    )
    assert [(row["language"], row["countries"]) for row in rows] == sorted(
        spoken.items(), key=lambda item: (-item[1], item[0])
    )
    assert rows[0]["language"] == "en"


def test_pseudonyms_that_two_tables_agree_on(shared_data: Path) -> None:
    """Hashed with one salt, two extracts of the cities still fit together; one hash covers several fields."""
    salt = "kept in a safe"
    rows = result(
        load(shared_data / CITIES, name="places"),
        select_fields(["geonameid", "subcountry"]),
        load(shared_data / CITIES, name="cities"),
        select_fields(["geonameid", "name", "country"], resources="cities"),
        filter_rows("country = 'Iceland' OR name LIKE 'Å%'", resources="cities"),
        hash_fields(["name", "country"], target="label", resources="cities"),
        hash_fields("geonameid", salt=salt),
        join("places", "geonameid", "cities", "geonameid", {"subcountry": None}, mode="inner"),
    )

    expected = [
        {
            "geonameid": hashlib.sha256((salt + row["geonameid"]).encode()).hexdigest(),
            "name": row["name"],
            "country": row["country"],
            "label": hashlib.sha256(
                json.dumps([row["name"], row["country"]], ensure_ascii=False).encode()
            ).hexdigest(),
            "subcountry": row["subcountry"] or None,
        }
        for row in read(shared_data / CITIES)
        if row["country"] == "Iceland" or row["name"].startswith("Å")
    ]
    assert len(expected) == 10
    assert rows == expected


def test_a_profile_of_what_was_published(shared_data: Path) -> None:
    """Nulls, different values, extremes and means of every column, behind a filter."""
    _, described = (
        Flow(load(shared_data / EMISSIONS, name="emissions"), filter_rows("Year > 1949"), profile(top=3))
        .results()
        .rows
    )

    original = [row for row in read(shared_data / EMISSIONS) if int(row["Year"]) > 1949]
    assert [row["field"] for row in described] == list(original[0])
    for row in described:
        texts = [item[row["field"]] for item in original if item[row["field"]]]
        numbers = texts if row["field"] == "Country" else [Decimal(text) for text in texts]
        assert row["nulls"] == len(original) - len(texts)
        assert row["distinct"] == len(set(numbers))
        assert [item["count"] for item in row["top"]] == [n for _, n in Counter(numbers).most_common(3)]
        if row["field"] == "Country":
            assert (row["minimum"], row["maximum"]) == (min(texts), max(texts))
        else:
            assert (Decimal(row["minimum"]), Decimal(row["maximum"])) == (min(numbers), max(numbers))
            assert Decimal(row["mean"]) == quotient(sum(numbers), len(numbers))


def test_centuries_taken_apart_and_put_together(shared_data: Path, tmp_path: Path) -> None:
    """A table becomes files by century, one package of three; put together it has lost nothing."""
    names = {17: "eighteenth", 18: "nineteenth", 19: "twentieth", 20: "since"}
    fields = ["Year", "Country", "Total"]
    Flow(
        load(shared_data / EMISSIONS), partition("Year // 100", names), select_fields(fields),
        dump_to_zip(tmp_path / "centuries.zip"),
    ).process()  # fmt: skip
    parts = Flow(load(tmp_path / "centuries.zip")).results()
    rows = result(
        load(tmp_path / "centuries.zip"),
        concatenate({"year": ["Year"], "country": ["Country"], "carbon": ["Total"]}, {"name": "all"}),
        sort_rows("year, country"),
    )

    original = read(shared_data / EMISSIONS)
    sizes = Counter(int(row["Year"]) // 100 for row in original)
    assert [(name, len(part)) for name, part in zip(parts.package.names, parts.rows, strict=True)] == [
        (name, sizes[century]) for century, name in names.items()
    ]
    expected = sorted((int(row["Year"]), row["Country"], int(row["Total"])) for row in original)
    assert [tuple(row.values()) for row in rows] == expected


def test_a_checkpoint_is_used_until_the_file_below_it_changes(shared_data: Path, tmp_path: Path) -> None:
    """The second run leaves the first steps out; a year that is added to the file brings them back."""
    path, seen = tmp_path / "population.csv", tmp_path / "seen.txt"
    path.write_bytes((shared_data / POPULATION).read_bytes())

    def noted(package: Package) -> None:
        with seen.open("a") as file:
            file.write("planned\n")

    def world() -> Rows:
        return result(
            load(path, name="population"),
            noted,
            filter_rows("\"Country Code\" = 'WLD'"),
            checkpoint("world", tmp_path / "kept", inputs=[]),
            sort_rows("Value desc"),
        )

    first, second = world(), world()
    planned_twice = seen.read_text().count("planned")
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write("World,WLD,2025,8231613070\n")
    third = world()

    values = sorted(
        (int(row["Value"]) for row in read(shared_data / POPULATION) if row["Country Code"] == "WLD"),
        reverse=True,
    )
    assert [row["Value"] for row in first] == values
    assert second == first
    assert planned_twice == 1
    assert [row["Value"] for row in third] == [8231613070, *values]


def test_names_are_spelt_in_plain_letters_by_several_processes(shared_data: Path) -> None:
    """A slow function of rows in two processes; order and every letter are those of one process."""

    def plain(row: dict[str, Any]) -> None:
        import unicodedata

        letters = unicodedata.normalize("NFKD", row["name"])
        row["name"] = "".join(letter for letter in letters if not unicodedata.combining(letter))

    rows = result(
        load(shared_data / CITIES),
        filter_rows("country IN ('Sweden', 'Turkey', 'Viet Nam')"),
        parallelize(plain, 2, predicate="country <> 'Turkey'"),
        sort_rows("geonameid"),
    )

    expected = []
    for row in sorted(read(shared_data / CITIES), key=lambda row: int(row["geonameid"])):
        if row["country"] in ("Sweden", "Turkey", "Viet Nam"):
            letters = unicodedata.normalize("NFKD", row["name"])
            bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
            expected.append(row["name"] if row["country"] == "Turkey" else bare)
    assert [row["name"] for row in rows] == expected
    assert "Malmo" in expected


def test_the_published_workbook_says_what_the_published_file_says(shared_data: Path) -> None:
    """The source as Excel, its columns renamed, a sum of it compared with the file, row by row."""
    titles = [f".*{word}.*" for word in ("solid fuel", "liquid fuel", "gas fuel", "cement", "gas flaring")]
    book = Flow(
        load(shared_data / WORKBOOK, name="book"),
        rename_fields({"Nation": "Country", "Total CO2.*": "Total", "Per capita.*": "Per Capita"}),
        rename_fields({title: fuel for title, fuel in zip(titles, FUELS, strict=True) if title != titles[3]}),
        rename_fields({"Emissions from cement production": "Cement"}),
        set_type("Year", type="integer"),
        select_fields(["Year", "Country", "Total", *FUELS, "Per Capita"]),
        sort_rows("Year, Country"),
    )
    rows = result(book)

    expected = sorted(read(shared_data / EMISSIONS), key=lambda row: (int(row["Year"]), row["Country"]))
    assert len(rows) == len(expected)
    for row, item in zip(rows, expected, strict=True):
        assert (row["Year"], row["Country"]) == (int(item["Year"]), item["Country"])
        for name in ("Total", *FUELS):
            assert row[name] == number(item[name])
        a_head = item["Per Capita"]
        assert row["Per Capita"] == (Decimal(repr(float(a_head))) if a_head else None)


def test_a_workbook_with_a_sheet_for_each_continent(shared_data: Path, tmp_path: Path) -> None:
    """Cities meet their continents through a lookup, go to sheets, and come back from all of them."""
    countries = read(shared_data / COUNTRIES)
    continent = {row[NAME]: row["Continent"] for row in countries}
    names = {code: f"in {code}" for code in sorted(set(continent.values()))}
    Flow(
        load(shared_data / COUNTRIES, name="countries"),
        load(shared_data / CITIES, name="cities"),
        lookup("countries", NAME, "country", {"continent": "Continent"}, resources="cities"),
        filter_rows("geonameid % 7 = 0", resources="cities"),
        partition("continent", names, rest="elsewhere"),
        dump_to_excel(tmp_path / "cities.xlsx"),
    ).process()
    results = Flow(load(tmp_path / "cities.xlsx", sheet="*")).results()

    expected: dict[str, list[int]] = {name: [] for name in [*names.values(), "elsewhere"]}
    for row in read(shared_data / CITIES):
        if int(row["geonameid"]) % 7 == 0:
            sheet = names.get(continent.get(row["country"], ""), "elsewhere")
            expected[sheet].append(int(row["geonameid"]))
    assert [[row["geonameid"] for row in rows] for rows in results.rows] == list(expected.values())


@pytest.mark.parametrize("format", FORMATS)
def test_a_table_of_two_sources_comes_back_from_every_format(
    shared_data: Path, tmp_path: Path, format: str
) -> None:
    """Joined, dumped and loaded again: every figure, name and gap is what the sources say."""
    Flow(
        load(shared_data / COUNTRIES, name="countries"),
        compute(key=f'upper("{NAME}")', resources="countries"),
        load(shared_data / "co2-fossil-by-nation", name="emissions"),
        filter_rows("Year = 2014", resources=-1),
        join(
            "countries", "key", "emissions", "Country",
            {"code": {"name": CODE}, "arabic": {"name": "official_name_ar"}, "dial": {"name": "Dial"}},
        ),
        dump_to_path(tmp_path, format=format),
    ).process()  # fmt: skip
    rows = result(load(tmp_path))

    countries = {row[NAME].upper(): row for row in read(shared_data / COUNTRIES)}
    expected = []
    for row in read(shared_data / EMISSIONS):
        if row["Year"] == "2014":
            country = countries.get(row["Country"], {})
            figures = {name: number(text) for name, text in row.items() if name not in ("Year", "Country")}
            expected.append(
                {
                    "Year": 2014,
                    "Country": row["Country"],
                    **figures,
                    "code": country.get(CODE) or None,
                    "arabic": country.get("official_name_ar") or None,
                    "dial": country.get("Dial") or None,
                }
            )
    assert rows == expected
