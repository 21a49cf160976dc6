"""The job of a first config: looks at text, divides it, sizes a model by it and by this machine, and writes it down."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mtkit import config as configs
from mtkit import files
from mtkit.errors import ConfigError, DataError
from mtkit.jobs.listener import Listener
from mtkit.jobs.starting import dividing, looking, settling, sizing, written
from mtkit.jobs.starting.looking import DIVIDED, Looked, Text
from mtkit.jobs.starting.sizing import Estimate
from mtkit.jobs.starting.written import Line
from mtkit.jobs.texts import names
from mtkit.schema import Config
from mtkit.text import compression
from mtkit.text.languages import in_name
from mtkit.text.readers.reader import Pair, readers

MUCH = 1_000_000  # pairs from which on a larger vocabulary than the usual one pays
LARGE = 16_000  # pieces
SHOWN = 3  # files that a message names


@dataclass(frozen=True)
class Asked:
    """What somebody wants.

    Attributes:
        texts: files, prefixes and folders.
        out: where the config goes; None: it is given back alone.
        source: code of the language to translate from; "": find out.
        minutes: to train; 0: by the size of the text.
        force: write over what stands there.
    """

    texts: tuple[Path, ...]
    out: Path | None
    source: str = ""
    target: str = ""
    minutes: float = 0
    force: bool = False
    device: str = "auto"


@dataclass(frozen=True)
class Found:
    """The texts of a config, by what they are for, as it is to name them, with their pairs."""

    train: dict[str, int]
    dev: dict[str, int]
    test: dict[str, int]


def begin(asked: Asked, listener: Listener) -> str:
    """Write a config for text; returns it.

    Raises:
        ConfigError: there is a config already.
        DataError: there is no parallel text, its languages cannot be known, or it cannot be read.
    """
    if asked.out is not None and os.path.lexists(asked.out) and not asked.force:
        raise ConfigError(f"{asked.out} is there: give this config another name", remedy="force")
    if asked.source and asked.source == asked.target:
        raise ConfigError(f"{asked.source} to {asked.target}: that is one language, expected two", remedy="languages")
    looked = looking.look(asked.texts, [code for code in (asked.source, asked.target) if code])
    if not looked.texts:
        raise _nothing(asked, looked)
    for told in looked.alone[:SHOWN]:
        listener.warn(told)
    settled = settling.settle(looked.texts, asked.source, asked.target)
    languages, notes = settled.languages, list[str]()
    for note in settled.notes:
        listener.say(f"not known: {note}", "languages")
    texts = _readable(settled.texts, languages, listener)
    for text, pairs in texts:
        for doubt in settling.doubt(text, pairs, languages):
            listener.warn(doubt)
    found, counted = _divided(asked, [text for text, _ in texts], languages, notes, listener)
    for note in notes:
        listener.say(f"not known: {note}")
    return _written(asked, languages, found, counted, [*settled.notes, *notes], listener)


def _nothing(asked: Asked, looked: Looked) -> DataError:
    where = ", ".join(str(path) for path in asked.texts)
    there = "; ".join(looked.alone[:1]) or (f"{len(looked.others)} other file(s)" if looked.others else "nothing")
    coded = [(path, code) for path in looked.others if (code := in_name(path.name)) and looking.known(code)]
    if len({code for _, code in coded}) > 1:
        names_ = [f"{path.name} could be {path.name.partition('.')[0]}.{code}" for path, code in coded]
        there = f"files that do not end in the code of their language: {_listed(names_)}"
    return DataError(
        f"{where}: no parallel text, but {there}; expected two files such as train.en and train.de, of which line N "
        "translates line N, or a .tsv, .csv, .jsonl, .parquet, .tmx, .xliff or .po file"
    )


def _readable(texts: Sequence[Text], languages: Pair, listener: Listener) -> list[tuple[Text, list[Pair]]]:
    """Those that can be read, with their first pairs.

    Raises:
        DataError: none can.
    """
    found: list[tuple[Text, list[Pair]]] = []
    wrong: list[DataError] = []
    for text in texts:
        try:
            if pairs := settling.sample(text, languages):
                found.append((text, pairs))
            else:
                wrong.append(DataError(f"{text.entry} holds no pair; expected text in {' and '.join(languages)}"))
        except DataError as error:
            wrong.append(error)
    if not found:
        raise wrong[0]
    for one in wrong:
        listener.warn(f"{one}; it is left out")
    return found


def _divided(
    asked: Asked, texts: list[Text], languages: Pair, notes: list[str], listener: Listener
) -> tuple[Found, Estimate]:
    """What each text is for; some of it is held out to measure on where there is nothing for that."""
    by_role: dict[str, list[Text]] = {role: [text for text in texts if text.role == role] for role in looking.ROLES}
    if not by_role["train"]:
        largest = max(texts, key=lambda text: text.size)
        by_role[largest.role].remove(largest)
        by_role["train"] = [largest]
        notes.append(f"what is to be learnt from: {largest.entry}, since no other text is as large")
    train, dev, test = by_role["train"], by_role["dev"], by_role["test"]
    if len(dev) > 1:
        notes.append(f"which text to watch progress with: {dev[0].entry}, the largest of {len(dev)}")
    listener.say("reading " + _listed([text.entry.name for text in train]))
    counted = dividing.count(train, languages)
    held = dividing.held_out(counted)
    measured = dividing.count([*dev[:1], *test], languages).counts
    folder = asked.out.parent if asked.out else Path()
    found = Found(
        {_path(text.entry, folder): one.read for text, one in zip(train, counted.counts, strict=True)},
        {_path(text.entry, folder): one.read for text, one in zip(dev[:1], measured, strict=False)},
        {_path(text.entry, folder): one.read for text, one in zip(test, measured[len(dev[:1]) :], strict=True)},
    )
    if not test:
        parts = ["train"] if len(train) == 1 else names([f"train-{_called(text)}" for text in train])
        listener.say(f"there is no text to measure on: dividing what there is into {folder / DIVIDED}")
        pairs = dividing.divide(train, parts, languages, held, folder / DIVIDED, asked.force)
        left = {f"{DIVIDED}/{part}": pairs[part] for part in parts}
        found = replace(found, train=left, test={f"{DIVIDED}/test": pairs["test"]})
        notes.append(
            f"what to measure on: {pairs['test']:,} pairs, held out by hash of the source; all others of "
            f"{_listed([text.entry.name for text in train])} are in {DIVIDED}, too"
        )
    return found, sizing.estimate(counted.counts, languages)


def _written(asked: Asked, languages: Pair, found: Found, text: Estimate, notes: list[str], listener: Listener) -> str:
    """The config, as it was written."""
    from mtkit.jobs.starting.pace import pace  # with torch
    from mtkit.ops.device import choose_device

    origin = str(asked.out or "mtkit.toml")
    device = choose_device(asked.device)
    trial = configs.parse(written.table(_lines(languages, found, text, 1.0, 1.0)), origin)
    listener.say("trying how quick training is here")
    tokens = pace(trial, text.vocabulary, text.lengths, device)
    minutes = asked.minutes or text.minutes(tokens)
    lines = _lines(languages, found, text, minutes, tokens)
    config = configs.parse(written.table(lines), origin)
    made = written.toml(lines, _head(config, text, minutes, tokens, device.type, notes))
    if asked.out is not None:
        files.write(asked.out, made)
    for role, some in vars(found).items():
        for entry, pairs in some.items():
            listener.say(f"{role}: {entry}, {pairs:,} pairs")
    if not found.dev:
        listener.say("dev: held out of train by preprocess, by hash of the source")
    model = config.model
    widths = f"embeddings of {model.embed_dim}, states of {model.hidden_dim}"
    listener.say(f"model: {widths}, about {config.tokenizer.vocab_size or text.vocabulary:,} pieces")
    listener.say(f"training: {minutes:g} minutes, {_told(text, minutes, tokens, device.type)}")
    return made


def _lines(languages: Pair, found: Found, text: Estimate, minutes: float, pace: float) -> list[Line]:
    """The keys of the config."""
    sizes, updates = text.sizes, text.updates(minutes, pace)
    train, test = list(found.train), list(found.test)
    lines = [
        Line("data.source_lang", languages[0]),
        Line("data.target_lang", languages[1]),
        Line("data.train", train[0] if len(train) == 1 else train, f"{sum(found.train.values()):,} pairs"),
    ]
    if found.dev:
        ((dev, pairs),) = found.dev.items()
        lines.append(Line("data.dev", dev, f"{pairs:,} pairs, to watch progress with"))
    else:
        lines.append(Line("data.dev", "", "a hundredth of train is held out, by hash of the source"))
    lines.append(Line("data.test", test[0] if len(test) == 1 else test, f"{sum(found.test.values()):,} pairs"))
    size = LARGE if text.pairs > MUCH else 0
    wiring = configs.flat(configs.load(configs.DEMO).config.model.model_dump())["decoder.wiring"]
    usual = f"0: by the size of the text, about {text.vocabulary:,} pieces"
    lines += [
        Line("tokenizer.vocab_size", size, "pieces" if size else usual),
        Line("model.embed_dim", sizes.embed_dim, f"for up to {sizes.pairs:,.0f} pairs" if sizes.pairs < 1e9 else ""),
        Line("model.hidden_dim", sizes.hidden_dim, "wider learns more, and more slowly"),
        Line("model.dropout", sizes.dropout, "more for less text"),
        Line("model.decoder.wiring", wiring, "as the recipe demo has it"),
        Line("train.batch_tokens", sizes.batch_tokens),
        Line("train.lr", sizes.lr),
        Line("train.schedule", "linear", "falls to zero at the end of the minutes"),
        Line("train.warmup", sizing.warmup(updates), "updates"),
        Line("train.max_epochs", 0, "no limit but the minutes"),
        Line("train.max_minutes", float(minutes), f"about {_round(updates)} updates here"),
        Line("train.validate_every", sizing.validate_every(updates), "updates"),
        Line("train.patience", 0, "never stops early"),
    ]
    return lines


def _head(config: Config, text: Estimate, minutes: float, pace: float, device: str, notes: list[str]) -> list[str]:
    pair = f"{config.data.source_lang} to {config.data.target_lang}"
    head = [
        f"{pair}, by mtkit init. All of it may be changed; mtkit info lists all keys there are.",
        "",
        "  mtkit preprocess    reads the text, and says what of it is no good",
        f"  mtkit train         about {minutes:g} minutes; Ctrl-C stops it, and the same command goes on",
        "  mtkit eval          scores, on test",
        "  mtkit translate     lines from stdin",
        "",
        f"{minutes:g} minutes: {_told(text, minutes, pace, device)}",
    ]
    if notes:
        head += ["", "Not known, and taken for granted:", *(f"- {note}" for note in notes)]
    return head


def _told(text: Estimate, minutes: float, pace: float, device: str) -> str:
    passes = minutes / sizing.BESIDE * 60 * pace / text.pieces[1]
    here = "this GPU" if device == "cuda" else "this machine"
    wish = f"; {text.passes:.3g} would be worth it" if passes < 0.7 * text.passes else ""
    pace_ = f"at about {_round(pace)} target tokens a second"
    return f"in which {here}, {pace_}, reads the text about {passes:.2g} times{wish}"


def _round(number: float) -> str:
    """Two digits of a number."""
    return f"{float(f'{number:.2g}'):,.0f}"


def _path(entry: Path, folder: Path) -> str:
    """A text as a config in a folder names it."""
    here, there = Path(os.path.abspath(folder)), Path(os.path.abspath(entry))
    path = str(there.relative_to(here)) if there.is_relative_to(here) else str(there)
    return f"./{path}" if path.startswith(("~", configs.BUNDLED)) else path


def _called(text: Text) -> str:
    """The name of a text without what would make another format of it."""
    name = compression.bare(text.entry)
    suffixes = [one.suffix for one in readers() if one.suffix and name.endswith(one.suffix)]
    return name.removesuffix(max(suffixes, key=len, default="")).replace(".", "-")


def _listed(names_: Sequence[str]) -> str:
    more = f" and {len(names_) - SHOWN:,} more" if len(names_) > SHOWN else ""
    return ", ".join(names_[:SHOWN]) + more
