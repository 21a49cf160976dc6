"""SentencePiece as mtkit uses it: training, and text to ids and back. Must not know batches or models.

Every tokenizer trained here reserves some pieces (`mtkit.text.reserved`), since they cannot be added later. Ready-made
models may lack a pad or a bos piece: padding needs no id of its own (masks decide), and eos stands in for bos.
"""

import io
import math
import re
from collections.abc import Iterable, Sized
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path

import sentencepiece

from mtkit import reading
from mtkit.errors import ConfigError, DataError
from mtkit.text import reserved
from mtkit.text.characters import Spelling, is_text, spelling

_SYMBOLS = frozenset(reserved.SYMBOLS)
SPECIAL = 4  # unk, bos, eos and pad
LARGEST = 1 << 28  # bytes of a .model file
PER_THREAD = 64  # texts, at least
USUAL = 8000  # pieces at most where nobody says how many: on a CPU the output layer takes its time
PER_ROOT = 4  # pieces beside single characters, times the square root of the text's characters
ALL_CHARACTERS = 100_000


class Tokenizer:
    """A SentencePiece model: text to ids and back."""

    def __init__(self, model: bytes, name: str = "tokenizer") -> None:
        """Load a serialised model.

        Raises:
            DataError: it cannot be read, or has no end-of-sentence piece.
        """
        self.model, self._name = model, name
        self._pieces = sentencepiece.SentencePieceProcessor()
        try:
            self._pieces.LoadFromSerializedProto(model)
        except (RuntimeError, UnicodeDecodeError):  # what it says may have a piece in it that is no text
            raise DataError(f"{name} is not a SentencePiece model; expected a .model file") from None
        self.eos: int = self._pieces.eos_id()
        if self.eos < 0:
            raise DataError(
                f"{name} has no end-of-sentence piece; train it with one (SentencePiece's eos_id is not to be -1)"
            )
        self.unk: int = self._pieces.unk_id()
        self.bos: int = self._pieces.bos_id() if self._pieces.bos_id() >= 0 else self.eos
        self.vocab_size: int = self._pieces.get_piece_size()
        special = {self.unk, self._pieces.bos_id(), self._pieces.pad_id()} - {-1, self.eos}
        try:
            self._names: list[str] = [self._pieces.id_to_piece(i) for i in range(self.vocab_size)]
        except UnicodeDecodeError:
            raise DataError(f"{name} is damaged: it has pieces that are not UTF-8; expected a .model file") from None
        # Never in a target by themselves; of kind "word" there are both, the symbol and the word.
        special |= {i for i, piece in enumerate(self._names) if piece.lstrip("▁") in _SYMBOLS}
        special |= {i for i, piece in enumerate(self._names) if not is_text(piece)}
        ids = {int(self._names[i][1:-1], 16): i for i in range(self.vocab_size) if self._pieces.is_byte(i)}
        self._bytes = frozenset(ids.values())
        self.unknown: int | None = None if ids else self.unk
        """The id of what the vocabulary lacks, of neighbours together; None: it lacks nothing, since bytes spell it."""
        self.spelling: Spelling = self._spelling(ids) if ids else ()
        """How ids that are bytes make characters, none of which is no text; empty: there are no such ids."""
        self.never: list[int] = sorted(special | self._bytes - {i for state in self.spelling for i in state})
        """Ids that search must not produce."""

    @staticmethod
    def _spelling(ids: dict[int, int]) -> Spelling:
        return [{ids[byte]: after for byte, after in state.items()} for state in spelling(frozenset(ids))]

    @classmethod
    def read(cls, path: Path) -> "Tokenizer":
        """Load a .model file."""
        try:
            return cls(reading.read_bytes(path, LARGEST), str(path))
        except FileNotFoundError:
            raise DataError(f"{path} does not exist; expected a SentencePiece .model file") from None
        except reading.Unreadable as error:
            raise DataError(f"{error}; give a SentencePiece .model file") from None

    def encode(self, texts: list[str], threads: int = 1) -> list[list[int]]:
        """Ids of each text, without bos and eos."""
        ids: list[list[int]] = self._pieces.encode(texts, num_threads=_of_use(threads, texts))
        return ids

    @cached_property
    def ordinary(self) -> frozenset[int]:
        """Ids of pieces that spell text in characters."""
        return frozenset(range(self.vocab_size)) - self._bytes - {*self.never, self.eos}

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {self._names[i]: i for i in self.ordinary}

    @property
    def has_nbest(self) -> bool:
        """Whether other segmentations than the best can be asked for, as of a unigram model."""
        try:
            self._pieces.nbest_encode("a", nbest_size=2)
        except RuntimeError:
            return False
        return True

    def nbest(self, text: str, count: int) -> list[list[int]]:
        """The ids of the best segmentations, best first; of a unigram model."""
        found: list[list[int]] = self._pieces.nbest_encode(text, nbest_size=count)
        return found

    def score(self, piece: int) -> float:
        """What the model says of a piece: its log-probability, or, of a BPE model, how early its merge comes."""
        score: float = self._pieces.get_score(piece)
        return score

    def id(self, piece: str) -> int | None:
        """The id of a piece that spells text in characters."""
        return self._ids.get(piece)

    def id_of(self, symbol: str) -> int:
        """The id of a reserved piece (`mtkit.text.reserved`).

        Raises:
            DataError: the model was trained elsewhere, and has none.
        """
        if symbol not in self._reserved:
            raise DataError(
                f"{self._name} reserves no pieces for spans and tags; expected a tokenizer that mtkit has trained: "
                "leave tokenizer.model out"
            )
        return self._reserved[symbol]

    @cached_property
    def _reserved(self) -> dict[str, int]:
        return {piece: i for i, piece in enumerate(self._names) if piece in _SYMBOLS}

    def decode(self, ids: list[int]) -> str:
        """The text of ids (special ones are left out by SentencePiece)."""
        text: str = self._pieces.decode(ids)
        return text

    def decode_all(self, lists: list[list[int]], threads: int = 1) -> list[str]:
        """The text of each list of ids: quicker than one after the other."""
        texts: list[str] = self._pieces.decode(lists, num_threads=_of_use(threads, lists)) if lists else []
        return texts

    @property
    def names(self) -> list[str]:
        """All pieces by their ids, as SentencePiece writes them."""
        return self._names

    def pieces(self, ids: list[int]) -> list[str]:
        """The pieces that ids stand for."""
        return list(map(self._names.__getitem__, ids))

    def surfaces(self, text: str) -> list[str]:
        """The pieces of a text, what is unknown as it stands there."""
        pieces: list[str] = self._pieces.encode_as_pieces(text)
        return pieces

    def byte_pieces(self, ids: list[int]) -> int:
        """How many of the ids are single bytes."""
        return 0 if self._bytes.isdisjoint(ids) else sum(1 for i in ids if i in self._bytes)

    def ends(self, ids: list[int], text: str) -> list[int]:
        """For each id, how much of `text` it and those before it spell; `ids` spell `text`."""
        ends = [len(text)]
        for end in range(len(ids) - 1, 0, -1):  # of bytes that are no character yet each counts as one
            ends.append(min(ends[-1], len(self.decode(ids[:end]))))
        return ends[::-1] if ids else []

    def words(self, ids: list[int], text: str, surfaces: list[str] | None = None) -> list[int]:
        """For each id, the index among `text.split()` of the word that it belongs to; `ids` spell `text`.

        Counted by decoding ever longer beginnings, which needs no offsets and holds for byte pieces too. What is of
        several words is of the last one.

        Args:
            surfaces: the pieces, where some are unknown, from which nothing is decoded.
        """
        last = max(0, len(text.split()) - 1)
        beginnings: Iterable[str] = map(self.decode, (ids[:end] for end in range(1, len(ids) + 1)))
        if surfaces is not None:
            beginnings = accumulate(piece.replace("▁", " ") for piece in surfaces)
        return [min(last, max(0, len(beginning.split()) - 1)) for beginning in beginnings]


def _of_use(threads: int, given: Sized) -> int:
    """How many threads are worth their start."""
    return max(1, min(threads, len(given) // PER_THREAD))


def train(lines: Iterable[str], *, kind: str, vocab_size: int, normalization: str, byte_fallback: bool) -> bytes:
    """Train a SentencePiece model (Kudo and Richardson 2018) and return it serialised.

    Args:
        vocab_size: pieces; 0: by the size of the text, as `_usual` finds it, and in any case a size that works.

    Raises:
        ConfigError: the text is too small or the vocabulary too small; names a size that works.
        DataError: there is no text.
    """
    trainer = _Trainer(list(lines), kind, normalization, byte_fallback)
    if kind == "char":
        return trainer.train(ALL_CHARACTERS)
    try:
        return trainer.train(vocab_size or _usual(trainer))
    except _TooLarge as wrong:
        if not vocab_size:
            return trainer.train(wrong.largest)
        raise ConfigError(
            f"tokenizer.vocab_size = {vocab_size} is too large for this text; leave it out for one that fits, or take "
            f"one from {trainer.smallest()} on: the largest that works is {wrong.largest}"
        ) from None
    except _TooSmall:
        smallest = trainer.smallest()
        if not vocab_size:
            return trainer.train(smallest)
        raise ConfigError(
            f"tokenizer.vocab_size = {vocab_size} is too small: single characters, bytes and reserved pieces "
            f"alone make {smallest}, which is the smallest that works"
        ) from None


def _usual(trainer: "_Trainer") -> int:
    """Single characters and what else has to be there, and more pieces with the square root of the text.

    That is how the number of distinct words grows with a text (Heaps 1978), so that what a piece is seen in stays about
    as much.
    """
    more = int(PER_ROOT * math.sqrt(sum(map(len, trainer.lines))))
    if trainer.kind == "word" or more >= USUAL:
        return USUAL
    return min(USUAL, trainer.smallest() + more)


class _TooSmall(Exception):
    """A vocabulary that has no room for what has to be there."""


class _TooLarge(Exception):
    """A vocabulary that the text does not fill."""

    def __init__(self, largest: int) -> None:
        self.largest = largest


@dataclass(frozen=True)
class _Trainer:
    """SentencePiece's trainer on a text."""

    lines: list[str]
    kind: str
    normalization: str
    byte_fallback: bool

    def train(self, vocab_size: int) -> bytes:
        """The model of so many pieces; of kind "word" or "char", of so many at most.

        Raises:
            _TooSmall, _TooLarge: there is none of that size.
            DataError: there is no text.
        """
        model = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(self.lines),
                model_writer=model,
                model_type=self.kind,
                vocab_size=vocab_size,
                # Where a character can be spelled in bytes the rarest need no piece of their own.
                character_coverage=0.9995 if self.byte_fallback else 1.0,
                byte_fallback=self.byte_fallback,
                normalization_rule_name=self.normalization,
                hard_vocab_limit=self.kind in ("unigram", "bpe"),
                user_defined_symbols=list(reserved.SYMBOLS),
                unk_id=0,
                bos_id=1,
                eos_id=2,
                pad_id=3,
                unk_surface="",
                max_sentence_length=16_384,
                num_threads=2,  # fixed: the sums of the EM steps depend on it
                minloglevel=3,
            )
        except (RuntimeError, ValueError) as error:
            raise _explain(str(error)) from None
        return model.getvalue()

    def smallest(self) -> int:
        """The fewest pieces that work.

        Raises:
            DataError: there is no text.
        """
        low, high = 0, len(reserved.SYMBOLS) + SPECIAL  # the first does not work
        while not (needed := self._needed(high)):
            low, high = high, 2 * high
        if needed is not True:
            return needed
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._needed(middle) is True else (middle, high)
        return high

    def _needed(self, vocab_size: int) -> int | bool:
        """Whether so many pieces are enough; of those that are not SentencePiece mostly says how many are."""
        try:
            self.train(vocab_size)
        except _TooSmall as wrong:
            return int(str(wrong) or 0)
        except _TooLarge:
            pass
        return True


def _explain(message: str) -> Exception:
    if found := re.search(r"set it to a value <= (\d+)", message):
        return _TooLarge(int(found[1]))
    if found := re.search(r"Vocabulary size is smaller than required_chars\. \d+ vs (\d+)", message):
        return _TooSmall(found[1])
    if "(vocab_size) >= (0)" in message or "insert_id(" in message:  # ways in which it says so without a number
        return _TooSmall()
    return DataError(f"SentencePiece could not train a tokenizer on this text: {message.strip()}")
