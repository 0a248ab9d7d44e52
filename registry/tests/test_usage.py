from __future__ import annotations

import pytest

from dataflows_registry.model import Parameter, Processor
from dataflows_registry.usage import python_form, yaml_example, yaml_form

ADD = Processor(
    "add_field",
    "stdlib.add_field",
    parameters=(
        Parameter("name", "str", required=True),
        Parameter("type", "str", "'string'"),
        Parameter("options", "Any", keyword_only=True, variadic=True),
    ),
)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("add_field('a')", "- add_field: a"),
        ("add_field(['a', 'b'])", "- add_field: [a, b]"),
        ("add_field('a', 'integer')", "- add_field:\n    name: a\n    type: integer"),
        ("add_field('a', title='no')", '- add_field:\n    name: a\n    title: "no"'),
        ("add_field({'a': 1})", "- add_field:\n    name: {a: 1}"),
        ("add_field('')", '- add_field: ""'),
        ("add_field('a: b # c')", '- add_field: "a: b # c"'),
        ("add_field('1')", '- add_field: "1"'),
        ("add_field(None, True)", "- add_field:\n    name: null\n    type: true"),
        ("add_field()", "- add_field: {}"),
        (">>> flow = Flow(\n...     add_field('a'),\n... )\n>>> flow\nadd_field('no')", "- add_field: a"),
        ("add_field('a'); add_field('b')", "- add_field: a\n- add_field: b"),
        ("add_field(lambda row: 1)", None),
        ("add_field(*words)", None),
        ("add_field('a', **options)", None),
        ("add_field('a', 'b', 'c')", None),
        ("add_field(1e999)", None),
        ("other('a')", None),
        ("not ( python", None),
        ("", None),
    ],
)
def test_an_example_in_yaml(code, expected):
    assert yaml_example(code, ADD) == expected


def test_the_form_of_use_has_what_must_be_given():
    assert yaml_form(ADD) == "- add_field:\n    name: # str"
    assert python_form(ADD) == "from dataflows_core.processors import add_field\n\nadd_field(name)"


def test_a_name_that_no_import_can_have_is_used_through_step():
    processor = Processor("to-csv", "x.to-csv")

    assert python_form(processor) == "from dataflows_core.processors import step\n\nstep('x.to-csv', …)"
    assert yaml_form(processor) == "- to-csv: {}"


def test_text_that_is_not_shown_is_escaped():
    assert yaml_example("add_field('a\\u202eb')", ADD) == '- add_field: "a\\U0000202eb"'
