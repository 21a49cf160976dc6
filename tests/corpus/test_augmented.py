"""Pairs changed while training: how many, which, and that neither batch nor process has a say in it."""

from itertools import pairwise
from pathlib import Path

import pytest

from mtkit.corpus.augmented import Augmented, decoded
from mtkit.corpus.sampler import Sampler
from mtkit.corpus.shards import Part, ShardWriter, Split
from mtkit.jobs import augmenting
from mtkit.text.changes import Changes
from mtkit.text.tokenizer import Tokenizer
from tests.text.test_tokenizer import make

WORDS = ["cat", "dog", "bird", "man", "house", "tree", "moon", "sea"]
LINES = [f"the {a} sees the {b}{n % 7 * ' and the sea'}." for n in range(14) for a in WORDS for b in WORDS]
SHARES = {"join": 0.2, "unmarked": 0.3, "typos": 0.2, "upper": 0.1, "title": 0.3, "urls": 0.1}
TOKENIZER: Tokenizer = make()


def write(
    folder: Path, lines: list[str] = LINES, tokenizer: Tokenizer = TOKENIZER, head: list[int] | None = None
) -> Split:
    writer = ShardWriter(folder, "train", (tokenizer.vocab_size, tokenizer.vocab_size), 700)
    for ids in tokenizer.encode(lines):
        writer.add([*(head or []), *ids], ids)
    return Split(folder, (Part.of("train", "train", writer.close()),))


def augmented(
    split: Split, shares: dict[str, float] = SHARES, seed: int = 1, most: int = 200, tokenizer: Tokenizer = TOKENIZER
) -> Augmented:
    changes = [Changes(("en", "en")) for _ in split.shards]
    return Augmented(split, shares, changes, (tokenizer, tokenizer), seed, most)


def texts(sampler: Sampler, epoch: int = 0, skip: int = 0) -> list[list[tuple[str, str]]]:
    def decoded(ids: object) -> str:
        return TOKENIZER.decode([int(i) for i in ids])  # type: ignore[attr-defined]

    return [
        [(decoded(source), decoded(target)) for source, target in zip(*pairs, strict=True)]
        for pairs in sampler.epoch(epoch, skip)
    ]


def everything(sampler: Sampler, epoch: int = 0) -> list[tuple[str, str]]:
    return sorted(pair for batch in texts(sampler, epoch) for pair in batch)


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    return write(tmp_path_factory.mktemp("augmented"))


@pytest.mark.parametrize("name", ["upper", "title", "unmarked", "emoji", "join"])
def test_the_share_is_that_which_was_asked_for(split: Split, name: str) -> None:
    pairs = everything(Sampler(split, 2000, 1, augmented=augmented(split, shares={name: 0.25})))
    assert len(pairs) == len(LINES)
    changed = [pair for pair in pairs if pair[1] not in set(LINES)]
    assert abs(len(changed) - 0.25 * len(LINES)) < 4 * (len(LINES) * 0.25 * 0.75) ** 0.5
    assert all(source == target for source, target in changed)  # both sides alike, where both were


def test_upper_and_title_case_exclude_each_other(split: Split) -> None:
    sources = [
        source
        for source, _ in everything(Sampler(split, 2000, 1, augmented=augmented(split, {"upper": 0.4, "title": 0.5})))
    ]
    upper = sum(source.isupper() for source in sources)
    title = sum(source.startswith("The ") for source in sources)
    plain = sum(source.startswith("the ") for source in sources)
    assert upper + title + plain == len(LINES)
    for count, share in ((upper, 0.4), (title, 0.5), (plain, 0.1)):
        assert abs(count - share * len(LINES)) < 4 * (len(LINES) * share * (1 - share)) ** 0.5


def test_a_sentence_becomes_the_same_in_any_batch_and_order(split: Split) -> None:
    small = everything(Sampler(split, 300, 1, augmented=augmented(split)))
    assert everything(Sampler(split, 2000, 7, augmented=augmented(split))) == small  # other batches in another order
    assert everything(Sampler(split, 300, 1, shaped=True, augmented=augmented(split))) == small
    assert everything(Sampler(split, 300, 1, augmented=augmented(split)), epoch=1) != small
    assert everything(Sampler(split, 300, 1, augmented=augmented(split, seed=2))) != small


@pytest.mark.parametrize("world", [2, 3])
def test_processes_share_an_epoch_and_go_on_within_it(split: Split, world: int) -> None:
    whole = texts(Sampler(split, 600, 1, augmented=augmented(split)))
    assert Sampler(split, 600, 1, augmented=augmented(split)).batches(0) == len(whole)
    for skip in (0, 5):
        shares = [
            texts(Sampler(split, 600, 1, rank=rank, world=world, augmented=augmented(split)), 0, skip)
            for rank in range(world)
        ]
        assert [batch for turn in zip(*shares, strict=True) for batch in turn if batch] == whole[skip:]


def test_nothing_to_change_is_the_plain_sampler(split: Split) -> None:
    plain = texts(Sampler(split, 600, 1))
    assert texts(Sampler(split, 600, 1, augmented=augmented(split, {"upper": 0.0}))) == plain


def test_joined_pairs_stand_one_after_the_other(split: Split) -> None:
    pairs = everything(Sampler(split, 2000, 1, augmented=augmented(split, {"join": 1.0}, most=60)))
    following = {f"{a} {b}" for a, b in pairwise(LINES)}
    joined = [source for source, _ in pairs if source.count(".") == 2]
    assert set(joined) <= following
    assert len(joined) > len(LINES) / 4
    assert max(len(TOKENIZER.encode([source])[0]) for source in joined) <= 60
    assert any(source.count(".") == 1 for source, _ in pairs)  # those for which there was no room


def test_batches_keep_to_their_budget(split: Split) -> None:
    """Lengths after a change are guessed: few sentences are longer, and then by little."""
    over = total = 0
    for sources, targets in Sampler(split, 1000, 1, augmented=augmented(split)).epoch(0):
        longest = 1 + max(len(ids) for ids in [*sources, *targets])
        assert len(sources) * longest <= 1.35 * 1000
        over += len(sources) * longest > 1000
        total += 1
    assert over < total / 3


def test_tokens_of_an_epoch_are_known_beforehand(split: Split) -> None:
    sampler = Sampler(split, 1000, 1, augmented=augmented(split))
    tokens = sum(len(ids) + 1 for _, targets in sampler.epoch(0) for ids in targets)
    assert 0.95 < sampler.target_tokens / tokens < 1.15
    plain = Sampler(split, 1000, 1)
    assert plain.target_tokens == sum(len(ids) + 1 for _, targets in plain.epoch(0) for ids in targets)
    assert tokens > 1.1 * plain.target_tokens


def test_what_would_be_too_long_stays(split: Split) -> None:
    longest = max(len(ids) for ids in TOKENIZER.encode(LINES))
    pairs = everything(Sampler(split, 2000, 1, augmented=augmented(split, {"upper": 1.0}, most=longest)))
    upper = [source for source, _ in pairs if source.isupper()]
    assert 0 < len(upper) < len(pairs)
    assert all(len(ids) <= longest for ids in TOKENIZER.encode(upper))


def test_what_says_how_to_translate_stays_before_a_line(tmp_path: Path) -> None:
    (mark,) = [i for i, name in enumerate(TOKENIZER.names) if name == "<mtkit:30>"]
    split = write(tmp_path, LINES[:50], head=[mark])
    changed = 0
    for sources, targets in Sampler(
        split, 2000, 1, augmented=augmented(split, {"join": 0.5, "upper": 0.5, "emoji": 0.5})
    ).epoch(0):
        for source, target in zip(sources, targets, strict=True):
            assert [int(i) for i in source] == [mark, *map(int, target)]
            changed += TOKENIZER.decode([int(i) for i in target]) not in LINES
    assert changed > 25


def test_a_change_that_cannot_be_spelled_is_not_made(tmp_path: Path) -> None:
    tokenizer = make("char", byte_fallback=False)
    split = write(tmp_path, LINES[:100], tokenizer=tokenizer)
    sampler = Sampler(split, 2000, 1, augmented=augmented(split, {"emoji": 1.0, "unmarked": 1.0}, tokenizer=tokenizer))
    ids = [[int(i) for i in some] for sources, _ in sampler.epoch(0) for some in sources]
    assert all(tokenizer.unk not in some for some in ids)
    assert sorted(map(tokenizer.decode, ids)) == sorted(LINES[:100])


@pytest.mark.parametrize("kind", ["unigram", "bpe", "char", "word"])
def test_texts_are_the_tokenizers_own(kind: str) -> None:
    tokenizer = make(kind, byte_fallback=kind != "word")
    lines = [
        *LINES[:9],
        "  the   cat",
        "日本 the 😀cat",
        "<mtkit:3> the cat",
        "",
        "the cat <mtkit:3>",
        "\u2581the",
        "the ",
    ]
    lists = tokenizer.encode(lines)
    assert decoded(tokenizer, lists) == tokenizer.decode_all(lists)
    assert any(map(tokenizer.ordinary.issuperset, lists))


def test_what_is_told(split: Split) -> None:
    lines = augmenting.told(augmented(split, {"upper": 0.25, "join": 0.1}))
    assert len(lines) == 2
    assert lines[0].startswith("changed while training: join, 10% of the pairs, such as 'the cat sees the cat. the cat")
    assert "upper, 25% of the pairs, such as 'THE CAT SEES THE " in lines[1]
    assert augmenting.told(None) == []
