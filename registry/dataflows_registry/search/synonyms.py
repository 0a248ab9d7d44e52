"""Words that mean one thing to those who search.

Made of what SQL, pandas, dplyr, spreadsheets and Unix call an operation, of file endings with the names of
their formats and products, and of what a thesaurus has for the verbs; a few phrases were added for queries
that the search had answered badly. A line is a group: each of its words finds the others. A line with an
arrow goes one way.
"""

from __future__ import annotations

import re
from functools import cache

from dataflows_registry.search.words import stem

__all__ = ["directed", "known_words", "phrases", "related"]

_GROUPS = """
load read import open ingest extract
dump write save export store output
fetch download http url web
print show display preview view head
filter where keep
exclude reject filter
delete remove drop discard
select choose pick project subset
deduplicate duplicate unique distinct dedupe dedup
sort order arrange rank
join merge lookup vlookup xlookup match enrich
aggregate groupby summarise summarize rollup total
concatenate union append stack combine
unpivot melt gather longer
pivot spread wider crosstab
transpose pivot unpivot
compute calculate derive formula expression mutate
rename relabel alias
replace substitute find regex
split explode separate tokenize
flatten unnest nested
validate check verify test assert expect quality constraint
cast convert type coerce dtype datatype
fill fillna impute coalesce
missing null nan blank none
sample random subset
cache checkpoint snapshot persist
parallelize parallel concurrent multiprocessing thread
field column attribute variable
row record line observation
resource table sheet dataset
schema structure
metadata property descriptor package
upsert sql update
database db sql rdbms table
geocode address coordinate location latitude longitude
geo spatial gis map geojson shapefile
translate language
hash checksum digest fingerprint sha256 md5
encrypt decrypt cipher
anonymize anonymise mask pseudonymize redact gdpr pii
date datetime time calendar timestamp
mail email smtp
notify alert message webhook
zip archive compress compressed
clean cleanse tidy normalize trim
normalize normalise standardize standardise
schedule cron
merge combine
delta diff compare change
statistic profile describe summary
number numeric decimal
text string
duration interval
key primary identifier id
count tally
enumerate rownumber index
branch conditional if
excel xlsx xls xlsm spreadsheet workbook
ods opendocument libreoffice openoffice spreadsheet
csv comma delimited separated
tsv tab
json ndjson jsonl jsonlines
parquet columnar
arrow feather ipc
yaml yml
html webpage scrape
xml xpath
postgresql postgres psql
mysql mariadb
mssql sqlserver
mongodb mongo
elasticsearch elastic opensearch
s3 aws amazon bucket
gcs google
azure blob
ftp sftp ssh
pdf document
word docx
stata dta
spss sav
sas sas7bdat
tabulator any
bigquery google
kafka stream queue
"""

_ONE_WAY = """
insert > sql append
top > sort head
limit > head sample
group > aggregate
sum > aggregate
average > aggregate
mean > aggregate
max > aggregate
min > aggregate
median > aggregate statistic
list > print
persist > dump
create > add
new > add
insert > add
append > add
cut > select delete
grep > filter find
sed > replace
awk > compute
wc > count
uniq > deduplicate
melt > unpivot
reshape > unpivot pivot
relational > sql
postgresql > sql database
postgres > sql database
psql > sql database
mysql > sql database
mariadb > sql database
sqlite > sql database
mssql > sql database
sqlserver > sql database
oracle > sql database
warehouse > sql bigquery
cloud > s3 gcs azure
gzip > zip
tar > zip
dataframe > pandas
api > http rest
sheets > google spreadsheet
folder > path
directory > path
disk > path
console > print
terminal > print
stdout > print
screen > print
fuzzy > match similar
look > lookup join
typo > fuzzy
lowercase > case
uppercase > case
whitespace > strip trim
currency > money exchange
"""

_PHRASES = """
remove duplicate > deduplicate
drop duplicate > deduplicate
delete duplicate > deduplicate
duplicate row > deduplicate
wide long > unpivot
long wide > pivot
text column > split
"""
"""Two words, with nothing but stop words between them, that mean one thing."""

_DIRECTIONS = {
    "columns into rows": "unpivot",
    "columns to rows": "unpivot",
    "rows into columns": "pivot",
    "rows to columns": "pivot",
}
"""Words that mean one thing in this order, the small ones included."""


def directed(text: str) -> str:
    """A question in which what means one thing only in its order is one word.

    Examples:
        >>> directed("Turn columns into rows"), directed("a column with the row number")
        ('unpivot', 'a column with the row number')
    """
    for phrase, meaning in _DIRECTIONS.items():
        text = re.sub(rf"\b((turn|change|convert)\s+)?{phrase}\b", meaning, text, flags=re.IGNORECASE)
    return text


@cache
def phrases() -> dict[tuple[str, str], str]:
    """Two stems that follow each other, and the one that they mean."""
    found = {}
    for line in filter(None, _PHRASES.split("\n")):
        words, _, meaning = line.partition(" > ")
        first, second = map(stem, words.split())
        found[first, second] = stem(meaning)
    return found


@cache
def _table() -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for line in _GROUPS.split("\n"):
        group = [stem(word) for word in line.split()]
        for word in group:
            found.setdefault(word, {}).update(dict.fromkeys(other for other in group if other != word))
    for line in filter(None, _ONE_WAY.split("\n")):
        word, _, others = line.partition(" > ")
        found.setdefault(stem(word), {}).update(dict.fromkeys(map(stem, others.split())))
    return {word: tuple(others) for word, others in found.items()}


def related(word: str) -> tuple[str, ...]:
    """The stems that mean the same as one, or nearly.

    Examples:
        >>> related("upsert")
        ('sql', 'updat')
    """
    return _table().get(word, ())


def known_words() -> list[str]:
    """The stems that mean the same as others, for correcting misspelt ones."""
    return list(_table())
