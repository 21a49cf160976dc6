"""One run of a study: an ordinary training, and what is measured of it once it is over."""

from collections.abc import Callable
from pathlib import Path

from mtkit.config import Loaded
from mtkit.errors import DivergedError
from mtkit.jobs import train as training
from mtkit.jobs.preprocess import preprocess
from mtkit.jobs.studying import recorder
from mtkit.jobs.studying.definition import Run
from mtkit.jobs.studying.measuring import MEASURES, Made
from mtkit.jobs.view import Silent
from mtkit.report.results import Measured, Number
from mtkit.store import study


def make(run: Run, work: Path, warn: Callable[[str], None] = lambda message: None) -> Measured:
    """Train what is not trained yet, and measure it; both are kept in the folder `work`.

    A training that diverges is a result as any other.

    Raises:
        Stopped: a signal came; the training is saved, and goes on from there.
        MtkitError: it cannot be trained.
    """
    loaded = Loaded(config=run.config, folder=work, origin=run.name)
    path = work / "updates" / f"{run.name}.txt"
    view = recorder.Recorder(path, warn)
    ended = ""
    try:
        last = training.train(loaded, view, device="cpu", command="mtkit study").update
    except DivergedError as error:
        ended, last = str(error), run.config.train.max_updates or 1 << 62
    finally:
        view.close()
    prepared, _ = preprocess(loaded, Silent())
    made = Made(loaded, prepared, recorder.read(path, last), bool(ended), run.text)
    values: dict[str, Number] = {}
    series: dict[str, dict[str, Number]] = {}
    signatures: dict[str, str] = {}
    for key, settings in run.measure.wanted():
        found = MEASURES[key](made, settings)
        values |= found.values
        series |= found.series
        signatures |= found.signatures
    result = Measured(
        run=run.name,
        variant=run.variant,
        seed=run.seed,
        base=run.base,
        settings=run.settings,
        values=values,
        series=series,
        signatures=signatures,
        ended=ended,
    )
    study.write(run.measured(work), result)
    return result
