"""The text of a run, as it was begun on it, prepared by the first of those who train together."""

import socket

from mtkit import files
from mtkit.config import Loaded
from mtkit.errors import DataError
from mtkit.jobs.agreement import alike
from mtkit.jobs.listener import Listener
from mtkit.jobs.preparing.inputs import Corpus, find
from mtkit.jobs.preprocess import preprocess
from mtkit.store.prepared import MANIFEST, Prepared
from mtkit.store.run import Run
from mtkit.train.group import Group


def prepared(loaded: Loaded, listener: Listener, fresh: bool, group: Group) -> tuple[Prepared, bool]:
    """Have the first process prepare the text; the others find it where that one has put it.

    Returns:
        The prepared corpus, and whether it was made just now.

    Raises:
        RunError: the run cannot go on on this text, or a process finds another corpus there.
        DataError: there is no such text, or a process finds no corpus.
    """
    own, made = None, False
    if group.rank == 0:
        own, made = preprocess(loaded, listener, find(loaded) if fresh else going_on(loaded))
    name = group.gathered(own.folder.name if own else None)[0]
    folder = loaded.folder / "prepared" / name
    if group.rank and folder.parent.is_dir():
        list(folder.parent.iterdir())  # so that a network's file system looks anew
    if own is None and Prepared.is_complete(folder):
        own = Prepared.open(folder)
    group.begun()
    missing = [number for number, there in enumerate(group.gathered(own is not None)) if not there]
    if missing or own is None:
        host, there = group.gathered([socket.gethostname(), str(folder)])[missing[0]]
        raise DataError(
            f"{there} is not there for process {missing[0]} (on {host}): all machines need the same folder, on a disk "
            "that they share; or copy it there"
        )
    if group.size > 1:
        alike(group, {"text": own.manifest.identity, "prepared corpus": files.sha256(folder / MANIFEST)[:8]})
    return own, made


def going_on(loaded: Loaded) -> Corpus:
    """The text of a config, as the run that it names was begun on it.

    Raises:
        RunError: that run is in use, lacks a part, or was begun with other settings or on other text: it is refused
            before any work.
    """
    run = Run(loaded.run_folder)
    if not run.folder.is_dir():
        return find(loaded)
    with files.lock(run.folder):
        run.check()
        if not run.begun:
            return find(loaded)
        run.agree(loaded.config)
        corpus = find(loaded).known_as(run.identity)
        run.agree(loaded.config, corpus.identity)
    return corpus
