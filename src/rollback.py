"""Make the previous champion champion again.

    python src/rollback.py --model_name refugee-camp --reason 'marks shadows as houses'
    mlflow run . -e rollback -P model_name=refugee-camp

The version that was rolled back stays in the registry; only ``promote`` can bring it back.
"""

import sys

from segmint.errors import RegistryError, one_line_errors
from segmint.registry.request import RollbackRequest, parse


def rollback(request: RollbackRequest) -> None:
    """The way back."""
    from segmint.console import quieten_libraries
    from segmint.registry.promotion import author, now, record_rollback
    from segmint.registry.succession import Change, Succession

    quieten_libraries()
    name, reason = request.model_name, request.reason or "no reason given"
    succession = Succession.open(name)
    reign = succession.reign()
    if reign.champion is None or reign.previous is None:
        raise RegistryError(
            f"{name} has no previous champion", "one to restore", "Promote another version: -e promote -P version=N"
        )
    change = Change("rollback", reign.previous, succession.below(reign.previous), author(), now(), reason)
    succession.change(reign, change)
    record_rollback(name, reign.champion, change.by, change.at, reason)
    print(f"result:    version {change.champion} is champion of {name} again, version {reign.champion} no longer")
    print(f"previous:  {f'version {change.previous}' if change.previous else 'none'}")
    print(f"next:      mlflow models serve -m models:/{name}@champion --env-manager local")


if __name__ == "__main__":
    with one_line_errors():
        rollback(parse(RollbackRequest, sys.argv[1:]))
