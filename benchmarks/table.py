"""Run every benchmark whose both sides are in this environment, and write the table of docs/performance.md.

    python benchmarks/table.py
    python benchmarks/table.py --only training scene

Takes most of an hour on two cores; nothing else should run beside it. The last row starts the team's services, which
need Postgres and Go. The rival trainer and the rival tilers need environments of their own: `rivals.py` and `tilers.py`
say how they are made.
"""

import argparse
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from machine import describe

PROJECT = Path(__file__).resolve().parents[1]
PAGE = PROJECT / "docs" / "performance.md"
BEGIN, END = "<!-- made by benchmarks/table.py -->", "<!-- to here -->"


@dataclass(frozen=True)
class Claim:
    """A ratio that one command measures and prints in its last line.

    Attributes:
        what: Ours over what.
        wanted: What it should be.
        command: Arguments of Python, in the repository.
    """

    what: str
    wanted: str
    command: str

    @property
    def name(self) -> str:
        """The benchmark's own name."""
        return Path(shlex.split(self.command)[0]).stem


CLAIMS = (
    Claim("images/s of `train`, everything logged, over a bare PyTorch loop", "0.95", "benchmarks/training.py"),
    Claim("seconds of the documents' way over those of `train`, same network", "3", "benchmarks/original.py"),
    Claim("seconds of torch's transposed convolutions over ours", "above 1", "benchmarks/transposed.py"),
    Claim("seconds to the first step of `train` over the bare calls", "as near to 1 as can be", "benchmarks/start.py"),
    Claim("seconds of everything after the fit over the bare calls", "1.25 at most", "benchmarks/after_fit.py"),
    Claim("seconds of a dataset's figures over decoding alone", "as near to 1 as can be", "benchmarks/measuring.py"),
    Claim("windows/s of `predict` over the bare model", "as near to 1 as can be", "benchmarks/scene.py --sizes 3072"),
    Claim("seconds of a small run against the team stack over sqlite", "", "benchmarks/store.py --epochs 2"),
)


def row(claim: Claim) -> str:
    """Run it; its output is shown as it comes. The row names the machine, since others may stand from another one."""
    ran = subprocess.Popen(
        [sys.executable, *shlex.split(claim.command)], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    assert ran.stdout is not None
    said = ""
    for line in ran.stdout:
        print(line, end="", flush=True)
        said += line
    if ran.wait():
        raise SystemExit(f"{claim.command} ended with status {ran.returncode}")
    *_, last = re.finditer(r"ratio:? ([\d.]+)(?: \(from ([\d.]+) to ([\d.]+)\))?", said)
    spread = f"{last[2]} to {last[3]}" if last[2] else "one pair"
    return f"| {claim.what} | {last[1]} | {spread} | {claim.wanted} | {describe()} | `python {claim.command}` |"


def main() -> None:
    """Run what is asked for, and put each row into the page as soon as it is measured."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--only", nargs="+", choices=[claim.name for claim in CLAIMS], help="names; all by default")
    given = parser.parse_args()
    chosen = [claim for claim in CLAIMS if given.only is None or claim.name in given.only]
    for claim in chosen:
        put(row(claim))
    print(f"table:   {PAGE.relative_to(PROJECT)}")


def put(line: str) -> None:
    """Take a row into the page, in the place of an older one of the same command."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    old, _, after = rest.partition(END)
    kept = {line.rpartition("`python ")[2]: line for line in old.splitlines() if "`python " in line}
    kept[line.rpartition("`python ")[2]] = line
    order = [f"{claim.command}` |" for claim in CLAIMS]
    table = [
        "| ratio | median | spread | wanted | on | command |",
        "|---|--:|---|---|---|---|",
        *(kept[key] for key in order if key in kept),
    ]
    PAGE.write_text("\n".join([before + BEGIN, "", *table, "", END + after]), encoding="utf-8")


if __name__ == "__main__":
    main()
