"""Every statement of the source documents is tried by a test, or differs on purpose, or says why no machine tries it.

``statements.csv`` numbers them. ``otherwise`` is empty where a test tries one (``pytest.mark.states``), ``differs``
where ``docs/names.md`` gives a reason, and else says why it is not tried.
"""

import csv
import re
from collections import Counter
from pathlib import Path

FOLDER = Path(__file__).parent
_MARK = re.compile(r"mark\.states\(([\d,\s]+)\)")


def statements() -> dict[int, dict[str, str]]:
    with (FOLDER / "statements.csv").open(newline="", encoding="utf-8") as stream:
        return {int(row["number"]): row for row in csv.DictReader(stream)}


def tried() -> dict[int, set[str]]:
    """Statement -> files of the tests that try it."""
    found: dict[int, set[str]] = {}
    for path in FOLDER.parent.rglob("test_*.py"):
        for mark in _MARK.finditer(path.read_text(encoding="utf-8")):
            for number in re.findall(r"\d+", mark[1]):
                found.setdefault(int(number), set()).add(path.name)
    return found


def test_no_statement_is_missing():
    every, tests = statements(), tried()
    assert list(every) == list(range(1, 293))
    missing = [number for number, row in every.items() if not row["otherwise"] and number not in tests]
    assert not missing, f"no test tries {missing}"
    assert set(tests) <= set(every)


def test_the_table_stands():
    """What ``python tests/documents/test_statements.py`` prints, a line each."""
    lines = table()
    assert len(lines) == 293
    assert lines[-1].startswith("292 statements: ")


def table() -> list[str]:
    tests = tried()
    kinds: Counter[str] = Counter()
    lines = []
    for number, row in statements().items():
        verdict = ", ".join(sorted(tests.get(number, ()))) or row["otherwise"]
        kind = "tried" if number in tests and row["otherwise"] != "differs" else row["otherwise"]
        kinds["differ on purpose" if kind == "differs" else "tried" if kind == "tried" else "not tried"] += 1
        lines.append(f"{number:>3}  {row['document']:26} {row['statement'][:70]:70}  {verdict}")
    return [*lines, f"{len(lines)} statements: " + ", ".join(f"{count} {kind}" for kind, count in kinds.items())]


if __name__ == "__main__":
    print("\n".join(table()))
