"""More pieces for a tokenizer: for what it writes in many, as a text shows. The ids that it had stay what they were.

Characters that it spells in bytes become pieces first. Then what stands side by side most often is joined, as in BPE
(Sennrich et al. 2016), on top of the tokenizer's own segmentation. A .model file is a message of Protocol Buffers, in
which a list goes on with what is appended.
"""

import itertools
import math
import struct
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from mtkit.errors import DataError
from mtkit.text.tokenizer import Tokenizer

LEAST = 5  # times that a new piece must have been seen
LONGEST = 16  # characters of one, as SentencePiece has it
MARGIN = 0.1  # by which a unigram model must like a new piece better than those that spell it
UNIGRAM, BPE = 1, 2  # of trainer_spec.model_type
SPEC, MODEL_TYPE = 2, 3  # the numbers of these fields
Pair = tuple[str, str]


def extended(tokenizer: Tokenizer, lines: Iterable[str], count: int, name: str = "the tokenizer") -> bytes:
    """The model with at most `count` more pieces.

    Raises:
        DataError: it is of a kind that has no pieces between characters and words.
    """
    kind = _model_type(tokenizer.model)
    if kind not in (UNIGRAM, BPE):
        raise DataError(f"{name} is one of characters or words, which has no room for more; expected unigram or bpe")
    words = Counter(word for line in lines for word in line.split())
    characters = _characters(tokenizer, words)[:count]
    scores = dict.fromkeys(characters, 0.0)
    total = sum(words.values())
    lowest = min((tokenizer.score(piece) for piece in tokenizer.ordinary), default=0.0)
    if kind == UNIGRAM:
        seen = Counter(char for word, times in words.items() for char in word * min(times, LEAST))
        scores = {char: math.log(seen[char] / (seen.total() + total)) for char in characters}
    for joined, parts, times in _joins(tokenizer, words, characters, count - len(characters)):
        if kind == BPE:
            scores[joined] = lowest - 1 - len(scores)
        else:
            spelled = sum(scores[part] if part in scores else tokenizer.score(_id(tokenizer, part)) for part in parts)
            scores[joined] = max(math.log(times / total), spelled + MARGIN)
    return tokenizer.model + b"".join(_entry(piece, score) for piece, score in scores.items())


def _characters(tokenizer: Tokenizer, words: Counter[str]) -> list[str]:
    """Those that have no piece, the most frequent first."""
    seen: Counter[str] = Counter()
    for word, times in words.items():
        for char in word:
            seen[char] += times
    return [char for char, times in seen.most_common() if times >= LEAST and tokenizer.id(char) is None]


def _id(tokenizer: Tokenizer, piece: str) -> int:
    number = tokenizer.id(piece)
    assert number is not None, "only pieces that spell text are joined"
    return number


class _Words:
    """Words in pieces, each with how often it came, and where pairs of pieces stand in them."""

    def __init__(self, segmented: Iterable[tuple[list[str], int]], known: set[str]) -> None:
        self.words, self.known = list(segmented), known
        self.pairs: Counter[Pair] = Counter()
        self.places: defaultdict[Pair, set[int]] = defaultdict(set)
        for number in range(len(self.words)):
            self._note(number, 1)

    def _note(self, number: int, sign: int) -> None:
        pieces, times = self.words[number]
        for pair in itertools.pairwise(pieces):
            if self.known.issuperset(pair) and len(pair[0] + pair[1]) <= LONGEST:
                self.pairs[pair] += sign * times
                self.places[pair].add(number)

    def join(self, pair: Pair) -> None:
        """Make one piece of two, wherever they stand side by side."""
        self.known.add(pair[0] + pair[1])
        for number in self.places.pop(pair):
            self._note(number, -1)
            pieces, times = self.words[number]
            made: list[str] = []
            for piece in pieces:
                if made and (made[-1], piece) == pair:
                    made[-1] += piece
                else:
                    made.append(piece)
            self.words[number] = made, times
            self._note(number, 1)
        self.pairs.pop(pair)


def _joins(
    tokenizer: Tokenizer, words: Counter[str], characters: Sequence[str], count: int
) -> Iterator[tuple[str, Pair, int]]:
    """New pieces, what each is joined of and how often it came."""
    new = set(characters)
    segmented = ((_pieces(tokenizer, word, new), times) for word, times in words.items())
    known = {tokenizer.names[number] for number in tokenizer.ordinary} | new
    text = _Words(segmented, known)
    while count > 0 and text.pairs:
        pair, times = max(text.pairs.items(), key=lambda item: (item[1], item[0]))
        if times < LEAST:
            return
        joined = pair[0] + pair[1]
        before = joined in text.known
        text.join(pair)
        if not before:
            count -= 1
            yield joined, pair, times


def _pieces(tokenizer: Tokenizer, word: str, new: set[str]) -> list[str]:
    """The pieces of a word, in which new characters are some already."""
    made: list[str] = []
    part, first = "", True
    for char in [*word, ""]:
        if char and char not in new:
            part += char
            continue
        if part:
            pieces = tokenizer.surfaces(part)
            # In the middle of a word there is no space.
            made += pieces if first else [piece for piece in (pieces[0].removeprefix("▁"), *pieces[1:]) if piece]
        elif first:
            made.append("▁")
        made += [char] if char else []
        part, first = "", False
    return made


def _entry(piece: str, score: float) -> bytes:
    """A piece as an entry of the list of pieces, field 1 of the model: its text and its score."""
    text = piece.encode()
    entry = b"\x0a" + _varint(len(text)) + text + b"\x15" + struct.pack("<f", score)
    return b"\x0a" + _varint(len(entry)) + entry


def _varint(number: int) -> bytes:
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*made, number])


def _model_type(model: bytes) -> int:
    """What kind of model it is, by its trainer_spec."""
    spec = b"".join(value for number, value in _fields(model) if number == SPEC and isinstance(value, bytes))
    kinds = [value for number, value in _fields(spec) if number == MODEL_TYPE and isinstance(value, int)]
    return kinds[-1] if kinds else UNIGRAM


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The numbers and values of the fields of a message."""
    at = 0

    def read() -> int:
        nonlocal at
        number = shift = 0
        while True:
            byte = message[at]
            at, number, shift = at + 1, number | (byte & 0x7F) << shift, shift + 7
            if byte < 0x80:
                return number

    while at < len(message):
        key = read()
        match key & 7:
            case 0:
                yield key >> 3, read()
            case 2:
                length = read()
                yield key >> 3, message[at : at + length]
                at += length
            case wire:
                at += 8 if wire == 1 else 4
