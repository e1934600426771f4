"""Examine a dataset before training: all that training would refuse, and what would spoil the model or its scores.

    python src/doctor.py --chips_dir chips --labels_dir labels
    mlflow run . -e doctor -P recipe=wildfire-del -P patches_dir=PATCHES

The command line is that of ``train``. The exit status is 1 when training would refuse the data.
"""

import shlex
import sys
from pathlib import Path

from segmint.command_line import parse
from segmint.errors import one_line_errors
from segmint.recipe import Recipe

OUTPUT = "doctor"
LINES = 18
"""Findings on the console."""


def examine_data(recipe: Recipe, arguments: list[str]) -> bool:
    """Look, write the report, say what was found; whether training would accept the data."""
    from segmint.console import quieten_libraries
    from segmint.doctor import report
    from segmint.doctor.examination import examine

    quieten_libraries()
    found = examine(recipe)
    folder = Path(recipe.output_dir)
    command = next_command(arguments, found.refused)
    report.write(folder, found, command)
    print(f"data:    {len(found.survey.chips)} readable chips in {recipe.data.chips_dir}, recipe {recipe.recipe}")
    if found.survey.split:
        print(f"split:   {found.survey.split.rule}")
    for finding in found.findings[:LINES]:
        print(finding.line())
    if len(found.findings) > LINES:
        print(f"... and {len(found.findings) - LINES} more in the report")
    if not found.findings:
        print("nothing to say against these data")
    print(f"report:  {folder / 'report.html'}, {folder / 'findings.json'}")
    print(f"next:    {'correct the errors, then ' if found.refused else ''}{command}")
    return not found.refused


def next_command(arguments: list[str], refused: bool) -> str:
    """The same command again while there are errors, else the training; its files go to a folder of their own."""
    if refused:
        return shlex.join(["python", "src/doctor.py", *arguments])
    kept: list[str] = []
    for place, argument in enumerate(arguments):
        before = arguments[place - 1] if place else ""
        if "--output_dir" not in {word.replace("-dir", "_dir") for word in (argument.partition("=")[0], before)}:
            kept.append(argument)
    return shlex.join(["python", "src/train.py", *kept])


if __name__ == "__main__":
    with one_line_errors():
        accepted = examine_data(parse([f"--output_dir={OUTPUT}", *sys.argv[1:]]), sys.argv[1:])
    sys.exit(0 if accepted else 1)
