"""Make a registered version champion, if it passes the gate and somebody approves.

    python src/promote.py --model_name refugee-camp
    mlflow run . -e promote -P model_name=refugee-camp -P approve=true -P reason='trained on the new camps'
    python src/promote.py --chips_dir chips --labels_dir labels --data.ignore_value 255

Without approve=true it says what it would do. The exit status is 1 when the gate refuses.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from segmint.errors import RegistryError, one_line_errors
from segmint.evaluation.request import apart
from segmint.registry.request import PromotionRequest, parse


def promote(request: PromotionRequest, reading: Sequence[str] = ()) -> None:
    """The way from a candidate to the champion; ``reading`` are arguments of the recipe that reads the labels."""
    from segmint.console import quieten_libraries
    from segmint.registry.evidence import Evidence
    from segmint.registry.promotion import Decision, author, compared_as_tested, judge, now
    from segmint.registry.succession import Change, Succession

    quieten_libraries()
    name = request.model_name
    succession = Succession.open(name)
    reign = succession.reign()
    version = succession.version(request.version)
    if version == reign.champion:
        raise RegistryError(f"{name} version {version} is champion already", "another version", "Train a candidate")

    with tempfile.TemporaryDirectory(prefix="segmint-promote-") as scratch:
        candidate = Evidence.of(name, version, Path(scratch))
        champion = Evidence.of(name, reign.champion, Path(scratch)) if reign.champion else None
    print(f"candidate: {name} version {version}, run {candidate.run_id}")
    reference = f"version {reign.champion}" if champion else "none yet; compared with the best constant answer"
    print(f"champion:  {reference}")

    if request.chips_dir:
        from segmint.registry.reevaluation import compared_on

        comparison = compared_on(request.chips_dir, request.labels_dir, reading, candidate, champion)
    else:
        comparison = compared_as_tested(candidate, champion)
    print(f"held out:  {comparison.held_out}", flush=True)

    accepted = request.accept_below_baseline
    checks = judge(candidate, comparison, champion is None, request.tolerance, request.collapse, accepted)
    decision = Decision(
        candidate=candidate,
        champion=reign.champion,
        comparison=comparison,
        checks=checks,
        by=author(),
        at=now(),
        reason=request.reason or "no reason given",
        accepted="" if candidate.standing.is_above else accepted,
    )
    print("\n".join(check.line() for check in checks))
    print("\n".join(["", *comparison.lines(), ""]))
    if decision.failed:
        raise RegistryError(f"the gate refuses {name} version {version}: {', '.join(decision.failed)}")

    place = f"champion of {name}{f', version {reign.champion} previous' if champion else ''}"
    if not request.approve:
        print(f"result:    version {version} passes and would become {place}; nothing was changed")
        print(f"next:      {request.approval(version, reading)}")
        return
    artifact = decision.log_comparison()
    change = Change("promotion", version, reign.champion, decision.by, decision.at, decision.reason, decision.accepted)
    succession.change(reign, change)
    decision.describe()
    print(f"result:    version {version} is {place}; comparison in {artifact} of its run")
    print(f"next:      mlflow models serve -m models:/{name}@champion --env-manager local")


if __name__ == "__main__":
    with one_line_errors():
        own, handed_on = apart(sys.argv[1:])
        promote(parse(PromotionRequest, own), handed_on)
