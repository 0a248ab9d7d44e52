"""Documents that many programs write, as they write them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dataflows_core import Flow, ProcessorError
from dataflows_core.processors import load

RSS = """<?xml version="1.0" encoding="UTF-8"?>
<?xml-stylesheet type="text/xsl" href="https://example.org/rss.xsl"?>
<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>
<title>News</title><link>https://example.org</link><atom:link href="https://example.org/rss" rel="self"/>
<category>a</category><category>b</category>
<item><title>One &amp; only</title><link>https://example.org/1</link><dc:creator><![CDATA[Zoë]]></dc:creator>
<pubDate>Thu, 29 Feb 2024 10:00:00 +0000</pubDate><guid isPermaLink="false">1</guid>
<category>x</category><category>y</category><content:encoded><![CDATA[<p>Text</p>]]></content:encoded></item>
</channel></rss>"""

ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>Feed</title><link href="https://example.org/"/>
<link rel="self" href="https://example.org/atom"/><entry><title>One</title><id>urn:1</id>
<updated>2024-02-29T10:00:00Z</updated><link href="https://example.org/1"/><author><name>Zoë</name></author>
<summary type="text">Short</summary></entry></feed>"""

POINTS = "".join(
    f'<trkpt lat="48.4{n}" lon="9.99"><ele>47{n}.5</ele><time>2024-02-29T10:00:0{n}Z</time></trkpt>'
    for n in range(3)
)
GPX = f"""<gpx version="1.1" creator="a watch" xmlns="http://www.topografix.com/GPX/1/1"><metadata><name>Run</name>
</metadata><trk><name>Run</name><trkseg>{POINTS}</trkseg><trkseg>{POINTS}</trkseg></trk></gpx>"""

KML = """<kml xmlns="http://www.opengis.net/kml/2.2"><Document><name>Map</name><Style id="s"/><Style id="t"/>
<Folder><name>Cities</name><Placemark
id="p1"><name>Ulm</name><Point><coordinates>9.99,48.4,0</coordinates></Point>
</Placemark></Folder><Placemark><name>Bonn</name></Placemark></Document></kml>"""

SITEMAP = """<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url><loc>https://example.org/</loc>
<priority>0.8</priority></url><url><loc>https://example.org/a</loc></url></urlset>"""

RATES = """<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"
 xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref"><gesmes:subject>Reference rates</gesmes:subject>
<Cube><Cube time="2024-02-29"><Cube currency="USD" rate="1.0826"/><Cube currency="JPY"
rate="162.36"/></Cube></Cube> </gesmes:Envelope>"""


@pytest.fixture
def rows_of(tmp_path: Path) -> Any:
    def read(text: str, name: str, **options: Any) -> list[dict[str, Any]]:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return Flow(load(tmp_path / name, **options)).results().rows[0]

    return read


def test_a_feed_is_its_items_whatever_else_repeats(rows_of: Any) -> None:
    assert rows_of(RSS, "x.rss") == [
        {
            "title": "One & only", "link": "https://example.org/1", "dc:creator": "Zoë",
            "pubDate": "Thu, 29 Feb 2024 10:00:00 +0000", "guid": {"isPermaLink": "false", "#text": "1"},
            "category": ["x", "y"], "content:encoded": "<p>Text</p>",
        }
    ]  # fmt: skip
    (entry,) = rows_of(ATOM, "x.atom", flatten=True)
    assert (entry["title"], entry["link.href"], entry["author.name"]) == (
        "One",
        "https://example.org/1",
        "Zoë",
    )
    assert entry["updated"] == dt.datetime(2024, 2, 29, 10, tzinfo=dt.UTC)


def test_a_track_is_its_points(rows_of: Any) -> None:
    points = rows_of(GPX, "x.gpx")
    assert len(points) == 6
    assert points[1] == {
        "lat": Decimal("48.41"), "lon": Decimal("9.99"), "ele": Decimal("471.5"),
        "time": dt.datetime(2024, 2, 29, 10, 0, 1, tzinfo=dt.UTC),
    }  # fmt: skip
    with pytest.raises(ProcessorError, match="record='wpt'"):
        rows_of(GPX.replace("<trk>", '<wpt lat="1" lon="2"/><trk>'), "y.gpx")


def test_a_map_is_its_placemarks(rows_of: Any) -> None:
    assert rows_of(KML, "x.kml") == [
        {"id": "p1", "name": "Ulm", "Point": {"coordinates": "9.99,48.4,0"}},
        {"id": None, "name": "Bonn", "Point": None},
    ]


def test_other_documents_are_what_repeats_in_them(rows_of: Any) -> None:
    assert rows_of(SITEMAP, "sitemap.xml") == [
        {"loc": "https://example.org/", "priority": Decimal("0.8")},
        {"loc": "https://example.org/a", "priority": None},
    ]
    assert rows_of(RATES, "rates.xml") == [
        {"currency": "USD", "rate": Decimal("1.0826")},
        {"currency": "JPY", "rate": Decimal("162.36")},
    ]
