"""A model that learns of placeholders and tags: they are hidden in its text, and it places what stands for them."""

import json
import random
from pathlib import Path

import pytest

from mtkit import Translator
from mtkit.store import bundle_config
from mtkit.store.prepared import Prepared
from mtkit.text.reserved import SPANS
from mtkit.text.tokenizer import Tokenizer
from mtkit.translator.guard import FORCED, LOST
from tests.system.toy import WORDS, make, mtkit, ran

pytestmark = pytest.mark.system  # a model is trained

SETS = ["-s", "data.spans=true", "-s", "data.protect=[A-Z]+-[0-9]+"]
KINDS = ["{0}", "%s", "http://ex.org/a", "<br/>", "AB-12", "`x y`"]
HARD = {
    "the {1} dog sees": "das {1} Hund sieht",
    "the <b>red dog</b> finds one cat": "das <b>rote Hund</b> findet eins Katze",
    '<a href="http://ex.org/x y">two big</a> %d house': '<a href="http://ex.org/x y">zwei große</a> %d Haus',
    "the XY-77 house 🎉": "das XY-77 Haus 🎉",
}


def write_spans(folder: Path) -> None:
    """Words with spans in the same places on both sides; in every eighth pair there is one more in the target."""
    rng = random.Random(7)
    for part, count in (("train", 700), ("dev", 30), ("test", 10)):
        sides: tuple[list[str], list[str]] = ([], [])
        for number in range(count):
            words = [rng.choice(list(WORDS)) for _ in range(rng.randint(2, 7))]
            both = list(words), [WORDS[word] for word in words]
            for _ in range(rng.randint(0, 2)):
                place, one = rng.randint(0, len(words)), rng.choice(KINDS)
                for side in both:
                    side.insert(place, one)
            if rng.random() < 0.7:
                first = rng.randrange(len(words))
                last = rng.randint(first, len(words) - 1)
                for side in both:
                    side[first], side[last] = "<b>" + side[first], side[last] + "</b>"
            if number % 8 == 0:
                both[1].append("{9}")
            for lines, side in zip(sides, both, strict=True):
                lines.append(" ".join(side))
        for language, lines in zip(("en", "de"), sides, strict=True):
            (folder / f"{part}.{language}").write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make(tmp_path_factory.mktemp("spans") / "toy")
    write_spans(folder)
    ran(mtkit(folder, "train", *SETS, "-s", "train.max_updates=10", "-s", "train.validate_every=10"))
    return folder


def test_what_is_hidden_in_the_prepared_text(taught: Path) -> None:
    (folder,) = (taught / "prepared").glob("en-de-*")
    tokenizer = Tokenizer.read(folder / "tokenizer.model")
    shard = Prepared.open(folder).split("train").open(0)
    symbols = {tokenizer.id_of(symbol) for symbol in SPANS}
    both = [(shard.source[row], shard.target[row]) for row in range(len(shard))]
    hidden = [(sorted(symbols & {*a.tolist()}), sorted(symbols & {*b.tolist()})) for a, b in both]
    assert all(a == b for a, b in hidden)
    assert 0.6 * len(hidden) < sum(bool(a) for a, _ in hidden) < 0.9 * len(hidden)
    assert not any("ex.org" in name for name in tokenizer.names)  # no piece is spent on them
    assert bundle_config.read(taught / "runs/toy/best").spans == ("[A-Z]+-[0-9]+",)


def test_it_learns_to_place_them(taught: Path) -> None:
    """Each beside its word, within and around others, of tags and names that it has never seen."""
    longer = ("name=longer", "train.max_updates=900", "train.validate_every=450")
    ran(mtkit(taught, "train", *SETS, *(part for one in longer for part in ("-s", one))))
    made = Translator.load(taught / "runs/longer", device="cpu").translate(list(HARD))
    assert [one.text for one in made] == list(HARD.values())
    assert not any(one.warnings for one in made)


def test_the_command(taught: Path) -> None:
    model = ("translate", "-q", "-m", "runs/toy")
    text = "the dog sees FOO_1 and {0}\n"
    told = json.loads(ran(mtkit(taught, *model, "--format", "jsonl", "--protect", "[A-Z]+_[0-9]", stdin=text)))
    assert told["translation"].count("FOO_1") == told["translation"].count("{0}") == 1
    assert LOST not in str(told["warnings"])
    done = mtkit(taught, *model, "--no-protect", stdin="the {0} dog\n")
    assert "{0}" not in ran(done) or FORCED not in done.stderr
    for arguments, message in (
        (("--protect", "(x"), "--protect (x: '(x' is no regular expression"),
        (("--protect", "x", "--no-protect"), "exclude each other"),
        (("-s", "decode.protect=[x"), "is no regular expression"),
    ):
        done = mtkit(taught, *model, *arguments, stdin="the dog\n")
        assert done.returncode in (1, 2)
        assert message in " ".join(done.stderr.split())


def test_what_cannot_have_them(taught: Path, tmp_path: Path) -> None:
    words = ("-s", "tokenizer.kind=word", "-s", "tokenizer.byte_fallback=false")
    done = mtkit(taught, "preprocess", *SETS, *words)
    assert (done.returncode, "parts a tag from the word it touches" in done.stderr) == (1, True)
    done = mtkit(taught, "preprocess", "-s", "data.protect=x")
    assert (done.returncode, "data.protect" in done.stderr) == (1, True)
