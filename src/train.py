"""Train, evaluate, export, prove and register one model.

    python src/train.py --epochs 10 --batch_size 16 --lr 5e-4 --chips_dir chips --labels_dir labels
    mlflow run . -e train -P epochs=50

Values are checked before anything heavy is imported; ``--help`` lists every recipe key.
"""

import sys
from pathlib import Path

from segmint.command_line import parse
from segmint.errors import one_line_errors
from segmint.recipe import Recipe

PROJECT = Path(__file__).resolve().parents[1]


def train(recipe: Recipe) -> None:
    """The way of the data, from chips to a registered version."""
    from segmint.console import quieten_libraries
    from segmint.export.publication import Staging, publish, require_publishable
    from segmint.tracking.store import is_remote, require_store, run_exists

    quieten_libraries()
    output = Path(recipe.output_dir)
    require_publishable(output)
    store = require_store()  # seconds before torch is there

    from segmint.data.preparation import prepare
    from segmint.export import formats, parity, tolerance
    from segmint.export.catalogue import catalogue
    from segmint.files import room_in
    from segmint.interruption import interruptible
    from segmint.models.deployed import DeployedModel
    from segmint.tracking import record, system
    from segmint.tracking.dossier import Dossier
    from segmint.tracking.folder import RUNS, Identity
    from segmint.tracking.mirrors import Mirrors
    from segmint.tracking.run import TrackedRun
    from segmint.tracking.stages import Stages
    from segmint.training import hardware
    from segmint.training.banner import banner
    from segmint.training.draft import draft, figures
    from segmint.training.evaluation import calibrate, evaluate
    from segmint.training.examples import covering, extremes, typical
    from segmint.training.resume import claim, recipe_digest, refused_before
    from segmint.training.rivals import Rivals
    from segmint.training.session import Session
    from segmint.training.start import Start

    stages = Stages()
    start = None if recipe.resume in ("auto", "never") else Start.open(Path(recipe.resume), recipe)

    with stages("data"):
        prepared = prepare(recipe)

    with stages("run"):
        identity = Identity(recipe_digest(recipe), prepared.fingerprint.digest, store)
        resumed = claim(RUNS, identity, run_exists) if recipe.resume == "auto" else None
        refused = None if resumed else refused_before(RUNS, identity)
        run = TrackedRun.start(recipe.recipe, RUNS, identity, resumed)
        folder = run.folder

    with run.closing(), interruptible(), room_in(RUNS, output):
        with stages("model"):
            environment = system.information()
            session = Session.open(recipe, prepared, hardware.choose(recipe))
            records = Mirrors.open(recipe.mirror, folder.path / "mirrors", recipe.recipe, run.run_id, run)
            record.open_record(run, records, recipe, prepared, session.facts(), environment)
        print(banner(session))
        origin = ", carried on" if resumed else f", a new one: {refused} was refused by its proof" if refused else ""
        print(f"run:      {run.run_id} in {store}{origin}", flush=True)
        records.show()

        if start is not None:
            start.require(session.task)
            print(f"resume:   {start.adopt(folder.checkpoints, recipe.training)}", flush=True)

        with stages("fit"):
            session, history = session.fit(folder.checkpoints, records)
            records.log_metrics({"best_val_loss": min(epoch["val_loss"] for epoch in history)})
            records.log_metrics({"epochs_trained": len(history)})

        with stages("evaluation"):
            test = session.dataset("test")
            calibration = calibrate(session.task, session.loaders["val"])
            rivals = Rivals.of(session.dataset("train"), recipe.data.pooled)
            evaluation, calibration = evaluate(session.task, session.loaders["test"], "test", calibration, rivals)
            records.log_metrics(figures(evaluation, calibration))
            session.task.cpu()
            sample = parity.ParitySample.of(covering(session.task, test, calibration))
            best, worst = extremes(session.task, test, calibration, evaluation, count=3)
            example = typical(session.task, test, calibration, evaluation)
        print(f"{evaluation.summary()}\n      {calibration.chosen.sentence()}", flush=True)

        with stages("exports"):
            staging = Staging.empty(folder.staging)
            contract = draft(
                recipe, prepared, session, evaluation, calibration, environment, run.git_commit
            ).model_copy(update={"parity_sample": sample.write(staging["parity_sample.npz"])})
            contract.write(staging["contract.json"])
            dossier = Dossier(contract, evaluation, calibration, history, best, worst, example)
            painter = dossier.begin()
            model = DeployedModel(session.task.network, contract).eval()
            formats.write(model, contract, sample, staging)

        with stages("parity"):
            proofs = formats.prove_all(contract, sample, staging)
            tolerance.write(proofs, contract, staging["parity.json"])
            records.log_metrics({name: value for proof in proofs for name, value in proof.metrics().items()})
            tolerance.require(proofs)

        with stages("report"):
            dossier.write(staging, painter, prepared.statistics, proofs, stages.seconds, run.facts())
            record.stage_dataset(recipe, prepared, staging.root / "datasets")
            staging.add_sources(PROJECT, folder.checkpoints)
            print(catalogue(contract, staging))

        publish(staging, output)
        print(f"files:    {output}/, start with {output}/report.html", flush=True)

        with stages("artifacts"):
            run.log_folder(staging.root)

        with stages("registration"):
            move = not (contract.dataset.builtin_sample and is_remote())
            run.register(record.describe(run, contract, len(proofs)), move)
        records.log_metrics(stages.metrics())

    registered = run.registered
    print(f"model:    {registered.sentence()}")
    records.close()
    address = f"models:/{registered.name}/{registered.version}"
    print(f"next:     mlflow ui, or mlflow models serve -m {address} --env-manager local")


if __name__ == "__main__":
    with one_line_errors():
        train(parse(sys.argv[1:]))
