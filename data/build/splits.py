"""Train, dev and test of each domain, so that no string of either side stands in two of them, in whichever domain."""

import hashlib
import re
from collections.abc import Iterable

from data.build.pairs import Pair

SPLITS = ("train", "dev", "test")
HELD_OUT_PAIRS = 600  # pairs in each of dev and test
HELD_OUT_COMPONENT = 3  # a component with more pairs than this goes to train
HELD_OUT_WORDS = 40  # a component with a longer English string goes to train

Splits = dict[str, list[Pair]]
Key = tuple[str, str]
# Two programs that say the same of themselves: strings that differ in nothing else are copies.
NAMES = re.compile("thunderbird|firefox")


def fold(text: str) -> str:
    """What near-copies of a string have in common: its letters and digits, without case, whichever program speaks.

    "Open File...", "Open file:" and "open-file" are the same by this measure.
    """
    return NAMES.sub("firefox", " ".join(re.findall(r"[^\W_]+", text.casefold()))) or text


def keys(pair: Pair) -> tuple[Key, Key]:
    """What a pair shares with its near-copies, on either side."""
    return ("source", fold(pair.source)), ("target", fold(pair.target))


def digest(text: str) -> bytes:
    """The hash that orders strings: the same everywhere, and unlike their alphabetical order."""
    return hashlib.blake2b(text.encode("utf-8"), digest_size=16).digest()


def components(pairs: Iterable[Pair]) -> list[list[Pair]]:
    """Pairs in groups, no two of which share a source or a target, compared by :func:`fold`."""
    parent: dict[Key, Key] = {}

    def root(key: Key) -> Key:
        parent.setdefault(key, key)
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    ordered = [(pair, *keys(pair)) for pair in sorted(pairs)]
    for _, source, target in ordered:
        parent[root(source)] = root(target)
    groups: dict[Key, list[Pair]] = {}
    for pair, source, _ in ordered:
        groups.setdefault(root(source), []).append(pair)
    return list(groups.values())


def may_be_held_out(group: list[Pair]) -> bool:
    """Whether a component is fit for dev and test: small, and ordinary text of ordinary length."""
    return len(group) <= HELD_OUT_COMPONENT and all(
        2 <= len(pair.source.split()) <= HELD_OUT_WORDS
        and sum(char.isalpha() or char == " " for char in pair.source) >= 0.8 * len(pair.source)
        for pair in group
    )


def one_reference(group: Iterable[Pair]) -> list[Pair]:
    """Of pairs, in sorted order, those whose source and target are both new."""
    seen: set[Key] = set()
    kept = []
    for pair in sorted(group):
        if seen.isdisjoint(keys(pair)):
            seen.update(keys(pair))
            kept.append(pair)
    return kept


def split(pairs: Iterable[Pair], held_out: int = HELD_OUT_PAIRS, beside: Iterable[Pair] = ()) -> Splits:
    """Train, dev and test.

    Whole components are assigned, in the order of the hash of their smallest string: first to test until
    it has ``held_out`` pairs, then to dev, the rest to train. Each split is then ordered by hash.

    Args:
        beside: what is in the train split of other domains; what shares a string with it goes to train, too.
    """
    splits: Splits = {name: [] for name in SPLITS}
    own, others = set(pairs), set(beside)
    for group in sorted(components(own | others), key=lambda group: digest(min(min(pair) for pair in group))):
        held = one_reference(group) if others.isdisjoint(group) and may_be_held_out(group) else []
        for name in ("test", "dev"):
            if held and len(splits[name]) + len(held) <= held_out:
                splits[name] += held
                break
        else:
            splits["train"] += [pair for pair in group if pair in own]
    return {name: sorted(rows, key=lambda pair: digest("\t".join(pair))) for name, rows in splits.items()}


def split_domains(domains: dict[str, list[Pair]], held_out: int = HELD_OUT_PAIRS) -> dict[str, Splits]:
    """The splits of every domain, one after the other: of a string in several domains the first one decides.

    Where it is held out there, the pairs with it are in no split of the others. So the first domain's splits are what
    they would be without the others.
    """
    done: dict[str, Splits] = {}
    for number, (domain, pairs) in enumerate(domains.items()):
        held = {
            key for splits in done.values() for name in ("dev", "test") for pair in splits[name] for key in keys(pair)
        }
        later = [pair for other in list(domains.values())[number + 1 :] for pair in other] if done else []
        trained = [pair for splits in done.values() for pair in splits["train"]]
        free, beside = ([pair for pair in some if held.isdisjoint(keys(pair))] for some in (pairs, [*trained, *later]))
        done[domain] = split(free, held_out, beside)
    return done
