"""What test sets have in common with the training text: a report in a corpus's folder, one for each choice of them.

Nothing else that is prepared depends on test sets, so one that is named later costs moments.
"""

import contextlib

from mtkit import files
from mtkit.config import digest
from mtkit.jobs.listener import Listener
from mtkit.jobs.preparing.inputs import Corpus
from mtkit.jobs.preparing.overlap import overlaps, shares, warning
from mtkit.store.prepared import TEST_REPORT, Prepared, TestReport
from mtkit.text.masked import Masks
from mtkit.text.readers.reader import Pair
from mtkit.text.tokenizer import Tokenizer


class TestSets:
    """The test sets of a corpus; nothing of them is read before it must be."""

    __test__ = False  # for pytest

    def __init__(self, corpus: Corpus, masks: Masks | None = None) -> None:
        self._corpus, self._masks = corpus, masks
        self._name = f"test-{digest([use.name for use in corpus.test], corpus.test_hashes)}.json"
        self._texts: dict[str, list[Pair]] = {}
        self._warnings: list[str] = []

    def read(self) -> None:
        """Read the text, so that what is wrong with it is said before any work.

        Raises:
            DataError: it cannot be read.
        """
        if not self._texts:
            for use in self._corpus.test:
                self._warnings += use.reader.oddities()
            self._texts = {use.name: list(use.reader.folded()) for use in self._corpus.test}

    def warnings(self, prepared: Prepared, listener: Listener) -> tuple[str, ...]:
        """What is odd about them; says what they share with train, where that was not known yet."""
        if not self._corpus.test:
            return ()
        if report := prepared.test_report(self._name):
            return report.warnings
        report = self._compared(prepared)
        for name, shared in report.overlap.items():
            if told := shares(name, shared):
                listener.say(told)
        with contextlib.suppress(OSError):  # somebody else's folder, or a full one: then it is made again next time
            files.write_json(prepared.folder / self._name, report.model_dump(mode="json"))
        return report.warnings

    def _compared(self, prepared: Prepared) -> TestReport:
        self.read()
        tokenizers = [Tokenizer.read(path) for path in prepared.tokenizer_files]
        given = self._texts
        if self._masks:
            given = {name: [self._masks.pair(*pair) for pair in pairs] for name, pairs in given.items()}
        texts = {
            name: (
                tokenizers[0].encode([source for source, _ in pairs]),
                tokenizers[-1].encode([target for _, target in pairs]),
            )
            for name, pairs in given.items()
        }
        overlap = overlaps(prepared.split("train"), texts)
        told = [warning(name, counts) for name, counts in overlap.items()]
        return TestReport(
            **TEST_REPORT.head(),
            inputs=self._corpus.test_hashes,
            overlap=overlap,
            warnings=(*self._warnings, *filter(None, told)),
        )
