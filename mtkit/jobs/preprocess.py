"""Raw parallel text -> prepared corpus: filter, tokenizer, ids on disk, data report.

The training text is read twice as a stream: once to filter, to find duplicates and to sample lines for the
tokenizer, once to encode. Only the sample, a window of pairs and histograms are held in RAM.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from mtkit import files
from mtkit.config import Loaded
from mtkit.corpus.shards import SIDES, Part, Split
from mtkit.errors import ConfigError, DataError
from mtkit.jobs.listener import Listener
from mtkit.jobs.origin import resolved
from mtkit.jobs.preparing.chunks import usual_workers
from mtkit.jobs.preparing.encode import Dev, Encoded, Encoder, write_dev, write_train
from mtkit.jobs.preparing.inputs import Corpus, TrainingText, find, standing
from mtkit.jobs.preparing.overlap import overlaps
from mtkit.jobs.preparing.plan import make_plan
from mtkit.jobs.preparing.report import make_report, say_copies, say_folded
from mtkit.jobs.preparing.testsets import TestSets
from mtkit.jobs.sharing import Processes, Share
from mtkit.schema import Config
from mtkit.store.prepared import CORPUS, MANIFEST, REPORT, Manifest, Prepared
from mtkit.text import filters, tokenizer
from mtkit.text.cleaning.rules import cleaning
from mtkit.text.masked import Masks
from mtkit.text.readers.reader import Pair
from mtkit.text.reserved import SPANS, plain
from mtkit.text.tokenizer import Tokenizer


def preprocess(
    loaded: Loaded, listener: Listener, corpus: Corpus | None = None, share: Share | None = None
) -> tuple[Prepared, bool]:
    """Prepare the text of a config, unless that is done already, and say what is odd about it.

    Args:
        corpus: the text, where it was found already.
        share: who shares the work, which changes nothing of what comes out; None: as many processes as pay.

    Returns:
        The prepared corpus, and whether it was made just now.

    Raises:
        DataError: text that is missing, not UTF-8, of unequal length or empty after filtering.
        ConfigError: a vocabulary that the text cannot fill; names the largest that works.
        WorkerError: a process that shared the work has died.
    """
    loaded = resolved(loaded)
    corpus = find(loaded) if corpus is None else corpus
    tests = TestSets(corpus, masks_of(loaded.config))
    prepared, made = standing(corpus), False
    if prepared is None:
        if corpus.earlier is None:
            raise DataError(
                f"{corpus.folder} is not there, or not whole: an earlier mtkit prepared it, and this one would do so "
                "in another way; put it back, or start anew",
                remedy="fresh",
            )
        tests.read()
        prepared, made = _make(loaded, corpus, listener, share)
    for warning in (*prepared.report().warnings, *tests.warnings(prepared, listener)):
        listener.warn(warning)
    return prepared, made


def masks_of(config: Config) -> Masks | None:
    """How spans are hidden from a model; None: they are not."""
    hidden = config.data.hidden
    return None if hidden is None else Masks((config.data.source_lang, config.data.target_lang), hidden)


def with_vocabulary(loaded: Loaded, prepared: Prepared) -> Loaded:
    """The config with the size that its vocabulary has got, where it did not say one."""
    settings = loaded.config.tokenizer
    if settings.vocab_size or settings.model or settings.kind == "char":
        return loaded
    size = max(prepared.report().vocab_size)
    config = loaded.config.model_copy(update={"tokenizer": settings.model_copy(update={"vocab_size": size})})
    return loaded.model_copy(update={"config": config})


def _make(loaded: Loaded, corpus: Corpus, listener: Listener, share: Share | None) -> tuple[Prepared, bool]:
    """The prepared corpus, and whether it was made here."""
    root = corpus.folder.parent
    with files.lock(root, wait=True):  # another run may be preparing the same text
        files.sweep(root)
        if prepared := standing(corpus):
            return prepared, False
        with files.publish(corpus.folder) as folder:
            _prepare(loaded, corpus, folder, listener, share or Processes(usual_workers(corpus.train.files)))
    return Prepared.open(corpus.folder), True


def _prepare(loaded: Loaded, corpus: Corpus, folder: Path, listener: Listener, share: Share) -> None:
    """Fill a folder with all that a prepared corpus has."""
    config, text = loaded.config, corpus.train
    # What can be refused is, before the training text is read as a whole.
    given_tokenizers = [Tokenizer.read(loaded.path(name)) for name in config.tokenizer.model]
    masks = masks_of(config)
    for one in given_tokenizers if masks else []:
        if one.id_of(SPANS[0]) not in one.encode([f"a{SPANS[0]}a"])[0]:
            raise DataError("data.spans = true needs a tokenizer that parts a tag from a word: not one of whole words")
    readers = [entry.reader for entry in text.entries] + [use.reader for use in corpus.dev]
    warnings = list(dict.fromkeys(oddity for reader in readers for oddity in reader.oddities()))
    if text.symbols:  # a tokenizer from elsewhere may have no pieces for tags
        for one in given_tokenizers[:1]:
            one.id_of(next(iter(text.symbols.values())))
    given = _given_dev(corpus, config)
    check_rules(text, config)
    listener.say("reading " + ", ".join(path.name for entry in text.entries for path in entry.reader.files))
    with TemporaryDirectory(dir=folder) as scratch:
        plan = make_plan(
            text,
            hold_out=not corpus.dev,
            sample_pairs=max(1, config.tokenizer.train_lines // 2),  # a pair is two lines
            scratch=Path(scratch),
            share=share,
            near=config.filter.near_duplicates,
        )
        sample = [masks.pair(*pair) for pair in plan.sample] if masks else plan.sample
        tokenizers = given_tokenizers or _tokenizers(config, sample, listener)
        names = ["tokenizer.model"] if len(tokenizers) == 1 else [f"{side}.model" for side in SIDES]
        for name, one in zip(names, tokenizers, strict=True):
            (folder / name).write_bytes(one.model)

        listener.say("encoding")
        rules = filters.PieceRules(config.filter.max_pieces, config.filter.max_ratio)
        sides = tokenizers[0], tokenizers[-1]
        heads = {tag: sides[0].id_of(symbol) for tag, symbol in text.symbols.items()}
        encoder = Encoder(sides, text.treatment, rules, config.filter.dedupe, plan.held_out, heads, masks)
        train = write_train(text, plan, encoder, folder, share)
        wanted = given or _held_out(corpus, train)
        written = write_dev(wanted, encoder, folder)
        dev, dev_texts = [one for one, _ in written], [pairs for _, pairs in written]
        if left_out := sum(len(one.pairs) for one in wanted) - sum(map(len, dev_texts)):
            listener.say(f"dev: {left_out} pairs longer than filter.max_pieces are left out")
        split = Split(folder, tuple(one.part for one in train))
        texts = {one.name: encoder.ids(pairs) for one, pairs in zip(wanted, dev_texts, strict=True)}
        overlap = overlaps(split, texts) if given else {}
        report = make_report(corpus, plan, train, dev, overlap, encoder.vocab_sizes, warnings)
    dev_text = [pair for pairs in dev_texts for pair in pairs]
    for side, lines in zip(SIDES, zip(*dev_text, strict=True), strict=True):
        (folder / f"dev.{side}.txt").write_bytes("".join(line + "\n" for line in lines).encode())
    say_copies(report, listener)
    say_folded(report, listener)
    text_of_report = files.to_json(report.model_dump(mode="json", exclude_none=True))
    (folder / REPORT).write_text(text_of_report, encoding="utf-8")
    manifest = _manifest(config, corpus, names, [one.part for one in train], [one.part for one in dev], folder)
    (folder / MANIFEST).write_text(files.to_json(manifest.model_dump(mode="json")), encoding="utf-8")


def check_rules(text: TrainingText, config: Config) -> None:
    """Refuse, before any work, cleaning rules that cannot work here or would do nothing; a preset's may be idle.

    Raises:
        ConfigError: a rule needs a package that is not installed, or knows nothing of both languages.
    """
    languages = dict.fromkeys(entry.tag.languages for entry in text.entries)
    idle = [set(cleaning(text.treatment.cleaning, both).idle) for both in languages]
    if config.filter.preset == "none" and (nowhere := set.intersection(*idle)):
        named = ", ".join("-".join(both) for both in languages)
        raise ConfigError(
            f"filter.{min(nowhere)} has no effect: it knows nothing of {named} that it could check; leave it out"
        )


def _tokenizers(config: Config, sample: list[Pair], listener: Listener) -> list[Tokenizer]:
    """Train one tokenizer for both sides, or one each."""
    settings = config.tokenizer
    sides = [[line for pair in sample for line in pair]] if settings.shared else list(zip(*sample, strict=True))
    made = []
    for lines in sides:
        listener.say(f"training a {settings.kind} tokenizer on {len(lines):,} lines")
        model = tokenizer.train(
            lines,
            kind=settings.kind,
            vocab_size=settings.vocab_size,
            normalization=settings.normalization,
            byte_fallback=settings.byte_fallback,
        )
        made.append(Tokenizer(model))
    if not settings.vocab_size and settings.kind != "char":
        sizes = " and ".join(f"{one.vocab_size:,}" for one in made)
        listener.say(f"vocabulary: {sizes} pieces, by the size of the text; tokenizer.vocab_size sets another")
    return made


def _given_dev(corpus: Corpus, config: Config) -> list[Dev]:
    """The texts of data.dev.

    Raises:
        DataError: there is no pair in one.
    """
    rules = filters.TextRules(config.filter.max_chars, drop_copies=False)
    made = []
    for use in corpus.dev:
        pairs = [(plain(source), plain(target)) for source, target in use.reader.folded()]
        if not (pairs := [pair for pair in pairs if not rules.broken(*pair)]):
            raise DataError(f"{use.reader.files[0]} holds no pair; data.dev needs text, or leave it out")
        made.append(Dev("dev" if len(corpus.dev) == 1 else use.name, use.entry, use.tag, pairs))
    return made


def _held_out(corpus: Corpus, train: list[Encoded]) -> list[Dev]:
    """What of the training text makes dev, a text a direction; of other texts of these languages, none."""
    made = []
    for tag in corpus.directions:
        own = [one for one, entry in zip(train, corpus.train.entries, strict=True) if entry.tag == tag]
        name = f"dev.{tag.direction}" if len(corpus.directions) > 1 else "dev"
        made.append(Dev(name, "", tag, [pair for one in own for pair in one.tally.held_out]))
    return made


def _manifest(
    config: Config, corpus: Corpus, tokenizers: list[str], train: Sequence[Part], dev: Sequence[Part], folder: Path
) -> Manifest:
    """What is written into a folder that has all but this in it."""
    written = sorted(folder.iterdir())
    return Manifest(
        **CORPUS.head(),
        languages=(config.data.source_lang, config.data.target_lang),
        identity=corpus.identity,
        inputs=corpus.hashes,
        tokenizers=tuple(tokenizers),
        splits={"train": tuple(train), "dev": tuple(dev)},
        files={path.name: path.stat().st_size for path in written},
        checksums={path.name: files.crc32(path) for path in written},
    )
