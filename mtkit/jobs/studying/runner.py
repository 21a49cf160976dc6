"""A study from its runs to its page: makes what is not made yet, several runs at a time, and judges what was measured.

Each run is made in a process of its own with one thread. All lies in one folder, and what was begun there goes on: the
results are the same. Computes nothing with torch, so that processes can be forked from here.
"""

import contextlib
import importlib
import multiprocessing
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from mtkit import files
from mtkit.errors import DataError, MtkitError, RunError, Stopped, WorkerError
from mtkit.jobs.listener import Listener
from mtkit.jobs.studying.definition import INDEX, LANGUAGES, ORDER, Planned, Run, text_name, text_of
from mtkit.jobs.studying.verdict import judge
from mtkit.report import plots
from mtkit.report import study as pages
from mtkit.report.results import Measured, Results, together
from mtkit.store import study as store
from mtkit.version import __version__

METHOD = "fork" if sys.platform.startswith("linux") else "spawn"
STOP_SECONDS = 60.0  # what a run has to save itself


def conduct(planned: Planned, folder: Path, work: Path, jobs: int, listener: Listener) -> Results:
    """Make the runs of a study, judge them, and write results, figures and pages.

    Args:
        folder: gets NAME.json, NAME.html, NAME.svg, and the index of all results that lie there.
        work: where runs lie.
        jobs: runs made at the same time, of one thread each.

    Raises:
        Stopped: a signal came; what is made is kept.
        MtkitError: a run cannot be made, or its figures cannot be drawn.
    """
    plots.require()
    with files.lock(work):
        write_texts(planned, work)
        measured = _measured(planned, work, jobs, listener)
    results = _judged(planned, measured)
    for problem in publish(results, folder):
        listener.warn(f"{problem}; the index is made without it")
    return results


def publish(results: Results, folder: Path) -> list[str]:
    """Write results, their figures and page, and the index of all results of the folder.

    Returns:
        What is wrong with other results that lie there.

    Raises:
        MtkitError: there is nothing to draw figures with.
    """
    figures = pages.figures(results)
    files.write(folder / f"{results.name}.html", pages.page(results, figures))
    for number, figure in enumerate(figures, 1):
        files.write(folder / f"{results.name}{'' if number == 1 else f'-{number}'}.svg", figure.standalone)
    store.write(folder / f"{results.name}.json", results)
    every, problems = dict[str, Results](), list[str]()
    for path in sorted(folder.glob("*.json")):
        try:
            every[path.stem] = store.results(path)
        except DataError as error:
            problems.append(str(error))
    known = [name for name in ORDER if name in every] + sorted(every.keys() - set(ORDER))
    files.write(folder / f"{INDEX}.html", pages.index([every[name] for name in known]))
    return problems


def _judged(planned: Planned, measured: list[Measured]) -> Results:
    study = planned.study
    judged = [judge(study, condition, measured) for condition in study.verdict]
    return Results(
        format_version=store.STUDY.version,
        mtkit_version=__version__,
        name=planned.name,
        title=study.title,
        claim=study.claim,
        method=study.method,
        digest=planned.digest,
        changed=planned.changed,
        axes=[axis.name for axis in study.axes],
        figures=study.figures,
        runs=measured,
        judged=judged,
        verdict=together([one.outcome for one in judged]),
    )


def write_texts(planned: Planned, work: Path) -> None:
    """The text that is made, if it is not there yet."""
    text = planned.study.text
    if text is None or (folder := work / text_name(text)).exists():
        return
    with files.publish(folder) as made:
        for part, pairs in text_of(text).items():
            for end, lines in zip(LANGUAGES, zip(*pairs, strict=True), strict=True):
                (made / f"{part}.{end}").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _measured(planned: Planned, work: Path, jobs: int, listener: Listener) -> list[Measured]:
    """What was measured of each run, in their order."""
    found = {run.name: store.measured(run.measured(work)) for run in planned.runs}
    left = [run for run in planned.runs if found[run.name] is None]
    if len(left) < len(planned.runs):
        listener.say(f"{planned.name}: {len(planned.runs) - len(left)} of {len(planned.runs)} runs are there already")
    count = len(planned.runs) - len(left)
    for run, seconds in _made(left, work, jobs, listener):
        found[run.name] = store.measured(run.measured(work))
        count += 1
        label = ", ".join(run.variant)
        listener.say(f"{planned.name}: {count} of {len(planned.runs)}: {label}, seed {run.seed}, {seconds:.0f} s")
    made = [one for one in found.values() if one is not None]
    if len(made) < len(planned.runs):
        raise RunError(
            f"{work / 'measured'} has lost what was just measured: look who clears up there, then run it again"
        )
    return made


@dataclass
class _Child:
    """A process that makes a run."""

    run: Run
    process: Any
    end: Connection
    """Ours of the pipe between us."""
    since: float


def _made(runs: list[Run], work: Path, jobs: int, listener: Listener) -> Iterator[tuple[Run, float]]:
    """Make runs, `jobs` at a time; each as it is done, with the seconds that it took."""
    waiting, children, warned = list(runs), list[_Child](), set[str]()
    if runs and METHOD == "fork":
        importlib.import_module("mtkit.jobs.studying.making")  # once for all processes
    try:
        while waiting or children:
            while waiting and len(children) < jobs:
                children.append(_begin(waiting.pop(0), work))
            for ready in wait([child.end for child in children]):
                child = next(child for child in children if child.end is ready)
                said = _said(child)
                if said[0] == "warning":
                    if said[1] not in warned:  # others have the same text
                        listener.warn(f"{', '.join(child.run.variant)}, seed {child.run.seed}: {said[1]}")
                    warned.add(said[1])
                    continue
                children.remove(child)
                child.end.close()
                child.process.join()
                _raise(*said)
                yield child.run, time.monotonic() - child.since
    except KeyboardInterrupt as end:
        number = getattr(end, "exit_code", 128 + signal.SIGINT) - 128
        raise Stopped("stopped, all is saved; the same command goes on from here", number) from None
    finally:
        _end(children)


def _begin(run: Run, work: Path) -> _Child:
    context: Any = multiprocessing.get_context(METHOD)
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(run, work, theirs))
    process.start()
    theirs.close()
    return _Child(run, process, ours, time.monotonic())


def _serve(run: Run, work: Path, pipe: Connection) -> None:
    """The life of a process that makes one run; the last thing that it says is how it ended."""
    from mtkit.jobs.studying.making import make
    from mtkit.ops.device import set_threads

    said: tuple[str, ...] = ("done",)
    try:
        set_threads(1)
        make(run, work, lambda message: pipe.send(("warning", message)))
    except (Stopped, KeyboardInterrupt) as end:
        said = ("stopped", str(getattr(end, "exit_code", 128 + signal.SIGINT) - 128))
    except MtkitError as error:
        said = ("failed", f"{', '.join(run.variant)}, seed {run.seed}: {error}")
    except OSError as error:
        said = ("failed", f"{error.filename or work}: {error.strerror or error}; check it, then run the study again")
    with contextlib.suppress(OSError):  # whoever listened has gone
        pipe.send(said)


def _said(child: _Child) -> tuple[str, ...]:
    """What a process says next."""
    try:
        said: tuple[str, ...] = child.end.recv()
    except (EOFError, ConnectionResetError):
        child.process.join()
        code = child.process.exitcode
        how = f"killed by signal {-code}" if code is not None and code < 0 else f"with exit code {code}"
        said = ("died", f"the process of {', '.join(child.run.variant)}, seed {child.run.seed} has ended ({how})")
    return said


def _raise(how: str, what: str = "") -> None:
    """What the end of a process means for the whole."""
    match how:
        case "stopped":
            raise Stopped("stopped, all is saved; the same command goes on from here", int(what))
        case "failed":
            raise RunError(what)
        case "died":
            raise WorkerError(f"{what}; if memory is short, make one run at a time, then run the study again", "jobs")


def _end(children: list[_Child]) -> None:
    """End processes that are still at work; what they train is saved."""
    for child in children:
        child.process.terminate()
    for child in children:
        child.process.join(STOP_SECONDS)
        if child.process.is_alive():
            child.process.kill()
            child.process.join()
        child.end.close()
