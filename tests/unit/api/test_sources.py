"""The number of the language is put into texts that came in without it."""

import pytest
from njangi_flows.workflow.spec import load

from api.workflows.sources import with_language


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("name: a\ntasks: []\n", "language: 2\nname: a\ntasks: []\n"),
        ("# why\n\nname: a\n", "# why\n\nlanguage: 2\nname: a\n"),
        ("---\nname: a\n", "---\nlanguage: 2\nname: a\n"),
        ("%YAML 1.2\n---\n# why\nname: a\n", "%YAML 1.2\n---\n# why\nlanguage: 2\nname: a\n"),
        ("  name: a\n  tasks: []\n", "  language: 2\n  name: a\n  tasks: []\n"),
        ('"name": a\n', 'language: 2\n"name": a\n'),
        ('{"name": "a"}', '{"language": 2, "name": "a"}'),
        ("\n{name: a}", '\n{"language": 2, name: a}'),
        ("name: |\n  language: 1\n", "language: 2\nname: |\n  language: 1\n"),
        ("", None),
        ("# nothing\n", None),
        ("--- {name: a}\n", None),
    ],
)
def test_the_number_stands_before_the_first_field(source: str, told: str | None) -> None:
    assert with_language(source, 2) == told
    if told is not None:
        assert load(told) == {"language": 2, **load(source)}
