"""What a model does with one sentence, in plain values: pieces, attention, probabilities, the search, gradients, norms.

Must not know how it is shown.
"""

from dataclasses import dataclass, field

from torch import Tensor

from mtkit.decoding import Decoding
from mtkit.errors import ConfigError
from mtkit.model import inside
from mtkit.model.inside import Kind, Norms
from mtkit.search.ensemble import Ensemble
from mtkit.search.sentence import Sentence, Vocabulary
from mtkit.search.tree import BESIDE, Fate
from mtkit.search.tree import Node as Numbered
from mtkit.search.watch import Tree, watch
from mtkit.text.characters import completed
from mtkit.translator import telling
from mtkit.translator.member import Member
from mtkit.translator.request import Line, Pair, Request
from mtkit.translator.segment import Segmenter
from mtkit.translator.translator import Translator

MOST_WEIGHTS = 300_000  # of attention that are told of a sentence
MOST_SALIENT = 40_000  # pairs of a source and a target position whose gradients are formed
MOST_NODES = 4_000  # of a tree of which all is told
DECIMALS = 5
Matrix = list[list[float]]


@dataclass(frozen=True)
class Said:
    """A piece of the translation.

    Attributes:
        logprob: natural logarithm, given the source and the pieces before.
        others: numbers of the nodes in the tree that it was preferred to, the likeliest first; at most five.
    """

    piece: str
    logprob: float
    others: list[int]


@dataclass(frozen=True)
class Attention:
    """Where one attention has looked.

    Attributes:
        kind: "source": the decoder at the source; "encoder", "decoder": each at itself.
        layer: from 1.
        heads: of each a row a position that looks and a column a position that is looked at; rows sum to one.
        mean: whether that is the mean of several heads.
    """

    kind: Kind
    layer: int
    heads: list[Matrix]
    mean: bool


@dataclass(frozen=True)
class Node:
    """A beginning of a translation that the search has weighed; see `mtkit.search.tree.Node`."""

    number: int
    parent: int
    piece: str
    step: int
    piece_logprob: float
    logprob: float
    score: float | None
    fate: Fate
    why: str


@dataclass(frozen=True)
class Part:
    """A sentence that went through the model as one.

    Attributes:
        source: its pieces and their end.
        fields: of each state of the encoder, the first and the last source piece that it stands for.
        target: what was said, the end included.
        text: that as text.
        score: what search ranks by.
        attention: the decoder's at the source first.
        saliency: how much each source piece (a column) moves each target piece (a row): the norm of the gradient of its
            log-probability; None: the sentence is too long for it.
        norms: of states and gates, position by position.
        tree: of the search; node 0 stands before the first piece.
        best: the number of the end of what was said.
    """

    source: list[str]
    fields: list[tuple[int, int]]
    target: list[Said]
    text: str
    score: float
    logprob: float
    attention: list[Attention]
    saliency: Matrix | None
    norms: list[Norms]
    tree: list[Node]
    best: int


@dataclass(frozen=True)
class Look:
    """What one model does with one line.

    Attributes:
        model: its name.
        forced: whether the translation was given.
        links: source word and target word, from 0, among those that white space separates.
        parts: usually one; a line without words has none, a very long one several.
        notes: what cannot be seen, and why.
    """

    model: str
    source: str
    translation: str
    forced: bool
    source_words: list[str]
    target_words: list[str]
    links: list[tuple[int, int]]
    parts: list[Part]
    notes: list[str] = field(default_factory=list)


def look(translator: Translator, one: Line | Pair) -> Look:
    """Translate a line, or score a pair, and see how.

    Args:
        translator: of one model, on a CPU.
        one: a pair's target is forced, as `Translator.forced` does.

    Raises:
        ConfigError: several models; rules that leave nothing to say.
        DataError: a prefix that cannot be obeyed.
    """
    if len(translator.members) > 1:
        raise ConfigError("one model at a time can be looked into")
    (member,), align, decode = translator.members, translator.attends, translator.decode
    if translator.asked.precision == "auto":  # nothing is seen that only rounding makes
        decode = decode.model_copy(update={"precision": "fp32"})
    languages = translator.source_lang, translator.target_lang
    segmenter = Segmenter([member], languages, telling.chosen([member], translator.tag))
    if isinstance(one, Pair):
        (made,), jobs = translator.forced([one], decode, align), segmenter.forced([one])
        decode = decode.model_copy(update={"beam_size": 1})
    else:
        (made,) = translator.window([one], decode, Request(align=align))
        jobs = segmenter.jobs([one], own=decode.protect)
    notes = list(made.warnings)
    if not align:
        notes.append("this model has no attention: how it moves with the source is seen by its gradients alone")
    if 0 not in jobs:
        notes.append("nothing in this line is for a model to translate")
    sentences = jobs[0].sentences if jobs else []
    parts = [_part(member, sentence, decode, isinstance(one, Pair), notes) for sentence in sentences]
    if not isinstance(one, Pair) and not all(part.text in made.text for part in parts):
        notes.append(
            "the translation is not all that the model said: what it does not know, or must come out as it went in, "
            "was put there from the source"
        )
    links = made.candidates[0].alignment if made.candidates else None
    return Look(
        member.name,
        one.text,
        made.text,
        isinstance(one, Pair),
        one.text.split(),
        made.text.split(),
        links or [],
        parts,
        list(dict.fromkeys(notes)),
    )


def _part(member: Member, sentence: Sentence, decode: Decoding, forced: bool, notes: list[str]) -> Part:
    source, target, model = member.source_tokenizer, member.target_tokenizer, member.model
    vocabulary = Vocabulary(target.bos, target.eos, target.never, target.names, target.spelling)
    shortlist = None if forced else member.shortlist
    tree = watch(
        Ensemble([model], [source.eos], decode.precision), sentence, decode, vocabulary, shortlist, ruled=not forced
    )
    ids, said = [*sentence.sources[0], source.eos], [node.piece for node in tree.path]
    shown = {tag.symbol: str(tag) for tag in member.tags}
    read = [target.bos, *said[:-1]]
    seen = inside.inside(model, ids, read)
    told = _told(tree, notes)
    end = tree.nodes[tree.best]
    assert end.score is not None
    return Part(
        [shown.get(name, name) for name in source.pieces(ids)],
        seen.fields,
        _said(tree, target.names),
        completed(target.decode(said[:-1])),
        end.score,
        end.logprob,
        _attention(seen.looks, notes),
        _saliency(member, ids, read, said, notes),
        [Norms(one.side, one.where, one.what, [round(x, DECIMALS) for x in one.values]) for one in seen.norms],
        [Node(**(vars(node) | {"piece": target.names[node.piece]})) for node in told],
        tree.best,
    )


def _beaten(tree: Tree) -> list[list[Numbered]]:
    """Beside each piece of the best translation the likeliest others."""
    children: dict[int, list[Numbered]] = {}
    for node in tree.nodes[1:]:
        children.setdefault(node.parent, []).append(node)
    return [
        sorted((one for one in children[node.parent] if one is not node), key=lambda one: -one.piece_logprob)[:BESIDE]
        for node in tree.path
    ]


def _said(tree: Tree, names: list[str]) -> list[Said]:
    beaten = zip(tree.path, _beaten(tree), strict=True)
    return [Said(names[node.piece], node.piece_logprob, [one.number for one in others]) for node, others in beaten]


def _told(tree: Tree, notes: list[str]) -> list[Numbered]:
    """The nodes that are told."""
    if len(tree.nodes) <= MOST_NODES:
        return tree.nodes
    notes.append(f"the search weighed {len(tree.nodes):,} beginnings: shown are those that it kept for a step")
    beside = {one.number for others in _beaten(tree) for one in others}
    return [node for node in tree.nodes if node.fate not in ("too low", "ruled out") or node.number in beside]


def _attention(looks: list[inside.Looks], notes: list[str]) -> list[Attention]:
    """All heads; of a long sentence their means, or what the last layer sees of the source."""
    if sum(one.weights_hQS.numel() for one in looks) > MOST_WEIGHTS:
        told = "of the heads of attention their mean is shown"
        looks = [inside.Looks(one.kind, one.layer, one.weights_hQS.mean(0, keepdim=True), True) for one in looks]
        if sum(one.weights_hQS.numel() for one in looks) > MOST_WEIGHTS:
            looks = [one for one in looks if one.kind == "source"][-1:]
            told = "of attention only the last layer's to the source is shown, the mean of its heads"
        notes.append(f"the sentence is long: {told}")
    return [Attention(one.kind, one.layer, _rounded(one.weights_hQS), one.mean) for one in looks]


def _saliency(member: Member, ids: list[int], read: list[int], said: list[int], notes: list[str]) -> Matrix | None:
    if len(ids) * len(said) > MOST_SALIENT:
        notes.append(f"{len(ids)} by {len(said)} pieces are too many for gradients")
        return None
    norms_TS = inside.saliency(member.model, ids, read, said)
    return [[float(f"{x:.4g}") for x in row] for row in norms_TS.tolist()]


def _rounded(x: Tensor) -> list[Matrix]:
    return x.double().round(decimals=DECIMALS).tolist()
