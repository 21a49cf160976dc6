"""The bundled text in `data/` is what its READMEs say: whole, plain, and nothing is held out that is trained on."""

import functools
import gzip
import hashlib
import re
import unicodedata
from itertools import combinations
from pathlib import Path

import pytest

from data.build.packages import PACKAGES
from mtkit.config import bundled
from mtkit.text import spans

DATA = Path(__file__).resolve().parents[2] / "data"
DOMAINS, LANGUAGES = ("ui", "help", "web"), ("de", "ko")
SPLITS = ("train", "dev", "test")
SETS = [(domain, language) for language in LANGUAGES for domain in DOMAINS]
# Of the uncompressed test sets, as they were first: scores are compared over time.
FIRST = {
    "test.en.gz": "645c935034eaf81811c18db024d6604e0e9befc5fc39ad40c383fe14988bf38b",
    "test.de.gz": "8164dca6b014db97828730ea45dbb5a26f14b7f6246aa3b665a17915b78c38b8",
}


def packed(domain: str, language: str, split: str, side: str) -> bytes:
    return (DATA / f"{domain}.en-{language}" / f"{split}.{side}.gz").read_bytes()


@functools.cache
def lines(domain: str, language: str, split: str, side: str) -> list[str]:
    """The lines of a file, split at LF only."""
    text = gzip.decompress(packed(domain, language, split, side)).decode("utf-8")
    assert text.endswith("\n")
    return text[:-1].split("\n")


def readme(domain: str, language: str) -> str:
    return (DATA / f"{domain}.en-{language}" / "README.md").read_text(encoding="utf-8")


def near(text: str) -> str:
    """A string without case, without the punctuation at its end, and whichever of two programs speaks."""
    return text.casefold().rstrip(" .:;,!?…").replace("thunderbird", "firefox")


@pytest.mark.parametrize(("language", "side"), [("de", "en"), ("de", "de"), ("ko", "en"), ("ko", "ko")])
def test_no_string_stands_in_two_splits(language: str, side: str) -> None:
    """Of whichever domains."""
    strings = {
        split: {near(line) for domain in DOMAINS for line in lines(domain, language, split, side)} for split in SPLITS
    }
    for one, other in combinations(SPLITS, 2):
        assert strings[one] & strings[other] == set(), f"in both {one} and {other}"


@pytest.mark.parametrize("split", ["dev", "test"])
@pytest.mark.parametrize(("domain", "language"), SETS)
def test_held_out_sources_have_one_reference(domain: str, language: str, split: str) -> None:
    for side in ("en", language):
        folded = [near(line) for line in lines(domain, language, split, side)]
        assert len(set(folded)) == len(folded)


@pytest.mark.parametrize(("domain", "language"), SETS)
def test_no_pair_is_repeated_or_untranslated(domain: str, language: str) -> None:
    pairs: list[tuple[str, str]] = []
    for split in SPLITS:
        sides = [lines(domain, language, split, side) for side in ("en", language)]
        pairs += zip(*sides, strict=True)
        if domain == "ui" or split != "train":
            assert [source for source in sides[0] if len(source.split()) < 2] == []
    assert len(set(pairs)) == len(pairs)
    assert [pair for pair in pairs if pair[0] == pair[1]] == []


@pytest.mark.parametrize(("domain", "language"), SETS)
def test_lines_are_plain(domain: str, language: str) -> None:
    """No line is empty, none has white space to fold, control characters, marks of keys, or markup."""
    for split in SPLITS:
        for side in ("en", language):
            for line in lines(domain, language, split, side):
                assert line
                assert line == " ".join(line.split())
                assert "\ufffd" not in line
            text = "".join(lines(domain, language, split, side))
            kinds = {unicodedata.category(char) for char in set(text)}
            assert kinds.isdisjoint({"Cc", "Cf", "Co", "Cn"})
            marked = re.compile(r"\([_~&]\w\)|[a-z]~[a-z]" if domain == "ui" else r"\([_&]\w\)|(?<!\S)&[a-z]+(?!;)\b")
            assert [line for line in lines(domain, language, split, side) if marked.search(line)] == []
            if domain == "web":
                assert not set("<>") & set(text)


def test_what_is_protected_stands_on_both_sides() -> None:
    """A model that is trained on web learns to bring out the placeholders that it is given."""
    kept = held = 0
    for split in SPLITS:
        for source, target in zip(*(lines("web", "de", split, side) for side in ("en", "de")), strict=True):
            if "{ $" in source:
                names = [sorted(re.findall(r"\{ \$[\w-]+ \}", side)) for side in (source, target)]
                assert names[0] == names[1]
                kept += {name.strip("#") for name in (span.text for span in spans.find(source))} >= set(names[0])
                held += 1
    assert kept == held > 1000


@pytest.mark.parametrize(("domain", "language"), SETS)
def test_sizes_and_checksums_are_those_of_the_readme(domain: str, language: str) -> None:
    text = readme(domain, language)
    for split in SPLITS:
        assert f"| {split} | {len(lines(domain, language, split, 'en'))} |" in text
        for side in ("en", language):
            data = packed(domain, language, split, side)
            row = re.search(rf"^\| `{split}\.{side}\.gz` \| `(\w+)` \| `(\w+)` \|$", text, re.MULTILINE)
            assert row is not None
            assert hashlib.sha256(data).hexdigest() == row[1]
            assert hashlib.sha256(gzip.decompress(data)).hexdigest() == row[2]
            assert data[3:8] == bytes(5)  # no file name, no comment, no time
    assert [len(lines(domain, language, split, "en")) for split in ("dev", "test")] == [600, 600]


def test_sizes_are_those_of_the_overview() -> None:
    text = (DATA / "README.md").read_text(encoding="utf-8")
    for domain in DOMAINS:
        counts = [f"{len(lines(domain, language, 'train', 'en')):,}" for language in LANGUAGES]
        words = [
            f"{round(sum(len(line.split()) for line in lines(domain, language, 'train', 'en')), -3):,}"
            for language in LANGUAGES
        ]
        (row,) = [row for row in text.splitlines() if row.startswith(f"| `{domain}.en-de`")]
        assert ", ".join(words) in row
        assert f"{' and '.join(counts)} pairs, 600, 600" in row
    size = sum(path.stat().st_size for path in DATA.glob("*.en-*/*.gz"))
    assert f"{size / 1e6:.1f} MB compressed" in text
    assert size < 8e6


def test_the_first_test_set_is_still_the_same() -> None:
    for name, expected in FIRST.items():
        assert hashlib.sha256(gzip.decompress((DATA / "ui.en-de" / name).read_bytes())).hexdigest() == expected


def test_held_out_order_is_not_alphabetical() -> None:
    for domain in DOMAINS:
        test = lines(domain, "de", "test", "en")
        assert test != sorted(test)
        assert len({line[0].casefold() for line in test[:30]}) >= 8


def test_licence_and_packages_are_beside_the_text() -> None:
    text = (DATA / "LICENSE.MPL-2.0").read_text(encoding="utf-8")
    assert text.startswith("Mozilla Public License Version 2.0")
    assert "Exhibit B" in text
    named = set()
    for domain, language in SETS:
        assert "Mozilla Public License 2.0" in readme(domain, language)
        rows = re.findall(r"^\| `([\w-]+)` \| `(\S+)` \| `(\w+)` \|$", readme(domain, language), re.MULTILINE)
        packages = [row for row in rows if not row[0].endswith(".gz")]
        assert all(PACKAGES[name] == (name, version, checksum) for name, version, checksum in packages)
        assert packages
        named |= {name for name, _, _ in packages}
    assert named == set(PACKAGES)


def test_everyday_strings_stand_in_no_text() -> None:
    """Ten, with references, for looking at what a model makes of what it has not seen."""
    everyday = {
        side: bundled(f"everyday.{side}").read_text(encoding="utf-8").splitlines() for side in ("en", "de", "ko")
    }
    assert {len(strings) for strings in everyday.values()} == {10}
    for language in LANGUAGES:
        for side in ("en", language):
            seen = {
                near(line) for domain in DOMAINS for split in SPLITS for line in lines(domain, language, split, side)
            }
            assert seen.isdisjoint(map(near, everyday[side]))
