"""Raw parallel text -> prepared corpus: filter, tokenizer, ids on disk, data report.

The training text is read twice as a stream: once to filter, to find duplicates and to sample lines for the
tokenizer, once to encode. Only the sample, a window of pairs and histograms are held in RAM.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from mtkit import files
from mtkit.config import Loaded
from mtkit.corpus.shards import SIDES, Part
from mtkit.errors import DataError
from mtkit.jobs.listener import Listener
from mtkit.jobs.preparing.encode import Encoder
from mtkit.jobs.preparing.inputs import Corpus, find, standing
from mtkit.jobs.preparing.plan import make_plan
from mtkit.jobs.preparing.report import make_report, say_copies, warn_much_lost
from mtkit.schema import Config
from mtkit.store.prepared import CORPUS, MANIFEST, REPORT, Manifest, Prepared
from mtkit.text import filters, tokenizer
from mtkit.text.quality import Overlap
from mtkit.text.readers.reader import Pair, Reader
from mtkit.text.tokenizer import Tokenizer


def preprocess(loaded: Loaded, listener: Listener) -> tuple[Prepared, bool]:
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
            _prepare(loaded, corpus, folder, listener)
    return Prepared.open(corpus.folder), True


def _prepare(loaded: Loaded, corpus: Corpus, folder: Path, listener: Listener) -> None:
    """Fill a folder with all that a prepared corpus has."""
    config, text = loaded.config, corpus.train
    listener.say("reading " + ", ".join(path.name for entry in text.entries for path in entry.reader.files))
    with TemporaryDirectory(dir=folder) as scratch:
        sample_pairs = max(1, config.tokenizer.train_lines // 2)  # a pair is two lines
        plan = make_plan(text, hold_out=corpus.dev is None, sample_pairs=sample_pairs, scratch=Path(scratch))
        tokenizers = _tokenizers(loaded, plan.sample, listener)
        names = ["tokenizer.model"] if len(tokenizers) == 1 else [f"{side}.model" for side in SIDES]
        for name, one in zip(names, tokenizers, strict=True):
            (folder / name).write_bytes(one.model)

        given = _given_dev(corpus.dev, config) if corpus.dev else None
        overlap = _overlap(corpus.test, given)
        listener.say("encoding")
        rules = filters.PieceRules(config.filter.max_pieces, config.filter.max_ratio)
        encoder = Encoder(tokenizers, rules, config.filter.dedupe, folder)
        train = encoder.train(text, plan, overlap)
        wanted = [pair for one in train for pair in one.tally.held_out] if given is None else given
        dev, dev_text = encoder.dev(wanted, config.data.dev)
        if len(dev_text) < len(wanted):
            listener.say(f"dev: {len(wanted) - len(dev_text)} pairs longer than filter.max_pieces are left out")
        vocab_size = (tokenizers[0].vocab_size, tokenizers[-1].vocab_size)
        report = make_report(corpus, plan, train, dev, overlap, vocab_size)
    for side, lines in zip(SIDES, zip(*dev_text, strict=True), strict=True):
        (folder / f"dev.{side}.txt").write_bytes("".join(line + "\n" for line in lines).encode())
    say_copies(report, listener)
    text_of_report = files.to_json(report.model_dump(mode="json", exclude_none=True))
    (folder / REPORT).write_text(text_of_report, encoding="utf-8")
    manifest = _manifest(config, corpus, names, [one.part for one in train], dev.part, folder)
    (folder / MANIFEST).write_text(files.to_json(manifest.model_dump(mode="json")), encoding="utf-8")
    warn_much_lost(report, listener)


def _tokenizers(loaded: Loaded, sample: list[Pair], listener: Listener) -> list[Tokenizer]:
    """Load or train one tokenizer for both sides, or one each."""
    settings = loaded.config.tokenizer
    if settings.model:
        return [Tokenizer.read(loaded.path(name)) for name in settings.model]
    sides = [[line for pair in sample for line in pair]] if settings.shared else list(zip(*sample, strict=True))
    made = []
    for lines in sides:
        listener.say(f"training a {settings.kind} tokenizer on {len(lines):,} lines")
        model = tokenizer.train(
            iter(lines),
            kind=settings.kind,
            vocab_size=settings.vocab_size,
            normalization=settings.normalization,
            byte_fallback=settings.byte_fallback,
        )
        made.append(Tokenizer(model))
    return made


def _given_dev(dev: Reader, config: Config) -> list[Pair]:
    """The pairs of data.dev.

    Raises:
        DataError: there is none.
    """
    rules = filters.TextRules(config.filter.max_chars, drop_copies=False)
    pairs = [pair for pair in dev if not rules.broken(*pair)]
    if not pairs:
        raise DataError(f"{dev.files[0]} holds no pair; data.dev needs text, or leave it out")
    return pairs


def _overlap(tests: Sequence[Reader], dev: list[Pair] | None) -> Overlap:
    """What the training text is compared with; dev, where it is given."""
    test = [pair for reader in tests for pair in reader if pair[0].strip() and pair[1].strip()]
    return Overlap({"test": test} if dev is None else {"test": test, "dev": dev})


def _manifest(
    config: Config, corpus: Corpus, tokenizers: list[str], train: Sequence[Part], dev: Part, folder: Path
) -> Manifest:
    """What is written into a folder that has all but this in it."""
    written = sorted(folder.iterdir())
    return Manifest(
        **CORPUS.head(),
        languages=(config.data.source_lang, config.data.target_lang),
        fingerprint=corpus.fingerprint,
        identity=corpus.identity,
        inputs=corpus.hashes,
        tokenizers=tuple(tokenizers),
        splits={"train": tuple(train), "dev": (dev,)},
        files={path.name: path.stat().st_size for path in written},
        checksums={path.name: files.crc32(path) for path in written},
    )
