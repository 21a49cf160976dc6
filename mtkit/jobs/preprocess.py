"""Raw parallel text -> prepared corpus: filter, tokenizer, ids on disk, data report.

The training text is read twice as a stream: once to filter, to find duplicates and to sample lines for the
tokenizer, once to encode. Only the sample, a window of pairs and histograms are held in RAM.
"""

import heapq
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from mtkit import files
from mtkit.config import Loaded, digest
from mtkit.corpus.shards import FORMAT, SIDES, Prepared, ShardWriter
from mtkit.errors import DataError
from mtkit.text import case, filters, tokenizer
from mtkit.text.quality import Lengths, Overlap
from mtkit.text.readers.reader import Pair, Reader, locate
from mtkit.text.tokenizer import Tokenizer

CHUNK = 2000  # pairs encoded at once
LOUD = 0.2  # share of pairs lost that is said loudly
HELD_OUT = (100, 2000)  # pairs of dev taken from train, at least and at most


@dataclass(frozen=True)
class Corpus:
    """The text that a config names, found on disk, and its fingerprint."""

    train: list[Reader]
    dev: Reader | None
    test: list[Reader]
    fingerprint: str
    """Eight hex digits over [data], [filter], [tokenizer] and the contents of every file."""
    identity: str
    """The same without the test sets: what a run depends on."""
    hashes: dict[str, str]
    """File name -> sha256."""
    folder: Path
    """Where it is prepared."""


def find(loaded: Loaded) -> Corpus:
    """Locate and fingerprint the text of a config.

    Raises:
        DataError: a file does not exist.
    """
    config = loaded.config
    languages = (config.data.source_lang, config.data.target_lang)

    def source(name: str) -> Reader:
        return locate(loaded.path(name), *languages)

    train = [source(name) for name in config.data.train]
    dev = source(config.data.dev) if config.data.dev else None
    test = [source(name) for name in config.data.test]
    models = [loaded.path(name) for name in config.tokenizer.model]
    for path in models:
        if not path.is_file():
            raise DataError(f"{path} does not exist; tokenizer.model expects a SentencePiece .model file")
    # What is drawn while training leaves the prepared text alone.
    text = config.tokenizer.model_dump(exclude={"sample"})
    settings = [config.data.model_dump(exclude={"test"}), config.filter.model_dump(), text]
    named = [path for part in [*train, *([dev] if dev else [])] for path in part.files] + models
    sums = [files.sha256(path) for path in named]
    test_files = [path for part in test for path in part.files]
    test_sums = [files.sha256(path) for path in test_files]
    fingerprint = digest(settings, sums, config.data.test, test_sums)
    return Corpus(
        train,
        dev,
        test,
        fingerprint,
        digest(settings, sums),
        {shown(path): value for path, value in zip([*named, *test_files], [*sums, *test_sums], strict=True)},
        loaded.folder / "prepared" / f"{languages[0]}-{languages[1]}-{fingerprint}",
    )


def shown(path: Path) -> str:
    """A file as reports and cards name it: with its folder, since names alone repeat, and without the rest."""
    return f"{path.parent.name}/{path.name}"


def standing(corpus: Corpus) -> Prepared | None:
    """The prepared corpus if it is there and whole."""
    if not (corpus.folder / "manifest.json").exists():
        return None
    prepared = Prepared.open(corpus.folder)
    for name, size in prepared.manifest["files"].items():
        path = corpus.folder / name
        if not path.is_file() or path.stat().st_size != size:
            return None
    return prepared


def preprocess(loaded: Loaded, say: Callable[[str], None]) -> tuple[Prepared, bool]:
    """Prepare the text of a config, unless that is done already.

    Returns:
        The prepared corpus, and whether it was made just now.

    Raises:
        DataError: text that is missing, not UTF-8, of unequal length or empty after filtering.
        ConfigError: a vocabulary that the text cannot fill; names the largest that works.
    """
    corpus = find(loaded)
    if prepared := standing(corpus):
        return prepared, False
    root = corpus.folder.parent
    with files.lock(root, wait=True):  # another run may be preparing the same text
        files.sweep(root)
        if prepared := standing(corpus):
            return prepared, False
        with files.publish(corpus.folder) as folder:
            _Job(loaded, corpus, folder, say).run()
    return Prepared.open(corpus.folder), True


class _Job:
    """One run of preprocessing, into an unpublished folder."""

    def __init__(self, loaded: Loaded, corpus: Corpus, folder: Path, say: Callable[[str], None]) -> None:
        self.loaded, self.config, self.corpus, self.folder, self.say = loaded, loaded.config, corpus, folder, say
        self.rules = filters.TextRules(self.config.filter.max_chars, self.config.filter.drop_copies)
        self.piece_rules = filters.PieceRules(self.config.filter.max_pieces, self.config.filter.max_ratio)
        self.drops = filters.Drops()
        self.case_copies = dict.fromkeys(case.CASES, 0)
        self.copy_drops = filters.Drops()  # apart, since `drops` says what is wrong with the text itself
        self.sample_limit = max(1, self.config.tokenizer.train_lines // 2)  # a pair is two lines
        self.read = 0
        self.duplicates = 0

    def run(self) -> None:
        self.say("reading " + ", ".join(path.name for source in self.corpus.train for path in source.files))
        sample, pairs_of = self.first_pass()
        self.held_out = self.hold_out(pairs_of)
        repeated = self.find_duplicates()
        sample = [pair for pair in sample if filters.key(pair[0]) not in self.held_out]
        self.tokenizers = self.make_tokenizers(self.with_copies(sample))
        self.encode_all(repeated)

    def kept(self, count: bool) -> Iterator[Pair]:
        """Training pairs that pass the text rules; the others are counted once."""
        for source in self.corpus.train:
            for left, right in source:
                self.read += count
                if rule := self.rules.broken(left, right):
                    if count:
                        self.drops.add(rule, left, right)
                    continue
                yield left, right

    def copies(self, pair: Pair) -> list[tuple[str, Pair]]:
        """The copies of a training pair in other cases, each with the name of its case."""
        return list(case.copies(pair, self.config.data.case_augment))

    def with_copies(self, sample: list[Pair]) -> list[Pair]:
        """A sample of the text, and the copies that come of it, for the tokenizer."""
        more = [copy for pair in sample for _, copy in self.copies(pair) if not self.rules.broken(*copy)]
        return (sample + more)[: self.sample_limit]

    def first_pass(self) -> tuple[list[Pair], dict[int, int]]:
        """Write all keys to disk; return a sample of pairs, and how many pairs the smallest source keys have.

        Keys of copies come after all others, so that of an original and an equal copy it is the copy that goes.
        """
        copies_a_pair = len(case.CASES) * self.config.data.case_augment
        limit = max(1, int(self.sample_limit / (1 + copies_a_pair)))  # the rest is for copies of the sample
        rng = random.Random(0)  # not the run's seed: runs of any seed share a prepared corpus
        sample: list[Pair] = []
        smallest: list[int] = []  # a heap of negated keys of sources
        pairs_of: dict[int, int] = {}  # pairs of each source in the heap
        self.total = 0
        with (self.folder / "keys").open("wb") as keys, (self.folder / "copies").open("w+b") as copies:
            for left, right in self.kept(count=True):
                if len(sample) < limit:
                    sample.append((left, right))
                elif (place := rng.randrange(self.total + 1)) < limit:
                    sample[place] = (left, right)
                self.total += 1
                keys.write(filters.key(left, right).to_bytes(8, "little"))
                for _, copy in self.copies((left, right)):
                    copies.write(filters.key(*copy).to_bytes(8, "little"))
                if self.corpus.dev is None:
                    source_key = filters.key(left)
                    if source_key in pairs_of:
                        pairs_of[source_key] += 1
                    elif len(smallest) < HELD_OUT[1] or source_key < -smallest[0]:
                        pairs_of[source_key] = 1
                        heapq.heappush(smallest, -source_key)
                        if len(smallest) > HELD_OUT[1]:
                            del pairs_of[-heapq.heappop(smallest)]
            copies.seek(0)
            shutil.copyfileobj(copies, keys)
        if not self.total:
            dropped = ", ".join(f"{rule} {count}" for rule, count in self.drops.counts.items() if count)
            raise DataError(
                f"no training pair is left: {self.read} read"
                + (f", dropped: {dropped}" if dropped else "")
                + "; check data.train"
                + (" and [filter]" if dropped else "")
            )
        return sample, pairs_of

    def hold_out(self, pairs_of: dict[int, int]) -> set[int]:
        """Source keys of the pairs that make dev where none is given."""
        if self.corpus.dev is not None:
            return set()
        wanted = min(max(self.total // 100, HELD_OUT[0]), HELD_OUT[1], max(1, self.total // 10))
        chosen: set[int] = set()
        held = 0
        for source_key in sorted(pairs_of):
            if held < wanted:
                chosen.add(source_key)
                held += pairs_of[source_key]
        if held >= self.total:
            raise DataError(
                f"too little text to hold out data.dev: {self.total} training pair(s) of {len(chosen)} source(s); "
                "give more text, or set data.dev"
            )
        return chosen

    def find_duplicates(self) -> "np.memmap[Any, np.dtype[np.uint8]]":
        """A flag a pair, and then one a copy: 1 where an equal one stood before."""
        keys = np.memmap(self.folder / "keys", np.uint64, "r")
        flags = np.memmap(self.folder / "repeated", np.uint8, "w+", shape=keys.shape)
        for position, _ in filters.first_of_each(keys):
            flags[position] = 1
            self.duplicates += position < self.total
        return flags

    def make_tokenizers(self, sample: list[Pair]) -> list[Tokenizer]:
        """Load or train one tokenizer for both sides or one each, and write them."""
        settings = self.config.tokenizer
        if settings.model:
            made = [Tokenizer.read(self.loaded.path(name)) for name in settings.model]
        else:
            sides = [[line for pair in sample for line in pair]] if settings.shared else list(zip(*sample, strict=True))
            made = []
            for lines in sides:
                self.say(f"training a {settings.kind} tokenizer on {len(lines):,} lines")
                made.append(
                    Tokenizer(
                        tokenizer.train(
                            iter(lines),
                            kind=settings.kind,
                            vocab_size=settings.vocab_size,
                            normalization=settings.normalization,
                            byte_fallback=settings.byte_fallback,
                        )
                    )
                )
        self.names = ["tokenizer.model"] if len(made) == 1 else [f"{side}.model" for side in SIDES]
        for name, one in zip(self.names, made, strict=True):
            (self.folder / name).write_bytes(one.model)
        return made

    def encode_all(self, repeated: "np.memmap[Any, np.dtype[np.uint8]]") -> None:
        """Second pass: ids of train and dev, statistics, manifest and report."""
        source_tokenizer, target_tokenizer = self.tokenizers[0], self.tokenizers[-1]
        vocab = (source_tokenizer.vocab_size, target_tokenizer.vocab_size)
        writers = {split: ShardWriter(self.folder, split, vocab) for split in ("train", "dev")}
        lengths = {split: Lengths(*self.tokenizers) for split in writers}
        dev_pairs: list[Pair] = []
        if self.corpus.dev is not None:
            rules = filters.TextRules(self.config.filter.max_chars, drop_copies=False)
            dev_pairs = [pair for pair in self.corpus.dev if not rules.broken(*pair)]
            if not dev_pairs:
                raise DataError(f"{self.corpus.dev.files[0]} holds no pair; data.dev needs text, or leave it out")

        def training_pairs() -> Iterator[tuple[Pair, str]]:
            """What is encoded, each pair with the case that it is a copy in, or ""; copies follow their original."""
            repeated_copies = iter(repeated[self.total :])
            for position, pair in enumerate(self.kept(count=False)):
                copies = [(name, copy, next(repeated_copies)) for name, copy in self.copies(pair)]
                if repeated[position] and self.config.filter.dedupe:
                    self.drops.add("dedupe", *pair)
                    continue
                if self.held_out and filters.key(pair[0]) in self.held_out:
                    dev_pairs.append(pair)
                    continue
                yield pair, ""
                for name, copy, again in copies:
                    if rule := self.rules.broken(*copy):
                        self.copy_drops.add(rule, *copy)
                    elif again and self.config.filter.dedupe:
                        self.copy_drops.add("dedupe", *copy)
                    elif filters.key(copy[0]) not in self.held_out:
                        yield copy, name

        tests = [[pair for pair in source if pair[0].strip() and pair[1].strip()] for source in self.corpus.test]
        overlap = Overlap({"test": [pair for test in tests for pair in test]})
        if self.corpus.dev is not None:
            overlap.add("dev", dev_pairs)
        self.say("encoding")
        stream = training_pairs()
        left_out = False  # whether the last original is, and so its copies
        while chunk := list(islice(stream, CHUNK)):
            encoded = self.encoded([pair for pair, _ in chunk])
            for (pair, source, target), (_, copied) in zip(encoded, chunk, strict=True):
                if copied and left_out:
                    continue
                rule = self.piece_rules.broken(len(source), len(target))
                if not copied:
                    left_out = rule is not None
                if rule:
                    (self.copy_drops if copied else self.drops).add(rule, *pair)
                    continue
                if copied:
                    self.case_copies[copied] += 1
                writers["train"].add(source, target)
                lengths["train"].add(pair, source, target)
                overlap.see(pair)
        short: list[Pair] = []  # a pair far longer than those trained on would take memory, and say little
        for pair, source, target in self.encoded(dev_pairs):
            if self.piece_rules.broken(len(source), len(target)) not in ("empty", "max_pieces"):
                short.append(pair)
                writers["dev"].add(source, target)
                lengths["dev"].add(pair, source, target)
        if len(short) < len(dev_pairs):
            self.say(f"dev: {len(dev_pairs) - len(short)} pairs longer than filter.max_pieces are left out")
        for writer in writers.values():
            writer.close()
        pairs = {split: sum(shard["pairs"] for shard in writer.shards) for split, writer in writers.items()}
        if not pairs["dev"]:
            raise DataError("no pair of dev is left after filter.max_pieces; set data.dev to other text")
        if not pairs["train"]:
            raise DataError(
                "no training pair is left after the filters: "
                + ", ".join(f"{rule} {count}" for rule, count in self.drops.counts.items() if count)
                + "; loosen [filter] or check the text"
            )
        for side, lines in zip(SIDES, zip(*short, strict=True), strict=True):
            (self.folder / f"dev.{side}.txt").write_bytes("".join(line + "\n" for line in lines).encode())
        repeated._mmap.close()  # type: ignore[attr-defined]
        for name in ("keys", "copies", "repeated"):
            (self.folder / name).unlink()
        lost = self.drops.total / self.read
        report: dict[str, Any] = {
            "pairs_read": self.read,
            "pairs": pairs,
            "held_out": self.corpus.dev is None,
            "dropped": self.drops.counts,
            "dropped_samples": {rule: some for rule, some in self.drops.samples.items() if some},
            "share_dropped": lost,
            "duplicates": self.duplicates,
            "crlf_lines": {
                shown(Path(name)): count for source in self.corpus.train for name, count in source.crlf.items()
            },
            "splits": {split: some.summary() for split, some in lengths.items()},
            "train_overlap": overlap.counts,
            "vocab_size": list(vocab),
        }
        if self.config.data.case_augment:
            report["case_copies"] = self.case_copies | {"dropped": self.copy_drops.counts}
            self.say(
                "copies added to train: "
                + ", ".join(f"{count:,} in {name} case" for name, count in self.case_copies.items())
                + f" ({self.copy_drops.total:,} dropped)"
            )
        (self.folder / "report.json").write_text(files.to_json(report), encoding="utf-8")
        manifest = {
            "format_version": FORMAT,
            "languages": [self.config.data.source_lang, self.config.data.target_lang],
            "fingerprint": self.corpus.fingerprint,
            "identity": self.corpus.identity,
            "inputs": self.corpus.hashes,
            "tokenizers": self.names,
            "splits": {split: writer.shards for split, writer in writers.items()},
            "files": {path.name: path.stat().st_size for path in sorted(self.folder.iterdir())},
        }
        (self.folder / "manifest.json").write_text(files.to_json(manifest), encoding="utf-8")
        if lost > LOUD:
            worst = max(self.drops.counts, key=lambda rule: self.drops.counts[rule])
            self.say(
                f"WARNING: {lost:.0%} of the training pairs were dropped ({self.drops.total:,} of {self.read:,}), "
                f"most by the rule {worst!r}; samples are in report.json"
            )

    def encoded(self, pairs: list[Pair]) -> Iterator[tuple[Pair, list[int], list[int]]]:
        for start in range(0, len(pairs), CHUNK):
            chunk = pairs[start : start + CHUNK]
            sources = self.tokenizers[0].encode([left for left, _ in chunk])
            targets = self.tokenizers[-1].encode([right for _, right in chunk])
            yield from zip(chunk, sources, targets, strict=True)
