"""One sentence through a search that is written down. Must not know text, nor how a tree is shown."""

from dataclasses import dataclass, replace

from mtkit.decoding import Decoding
from mtkit.search.ensemble import Ensemble
from mtkit.search.rules import rules
from mtkit.search.rules.rule import Context
from mtkit.search.search import Ranking, search
from mtkit.search.selection import Beam
from mtkit.search.sentence import Sentence, Vocabulary
from mtkit.search.shortlist import Shortlist
from mtkit.search.tree import Node, Watched


@dataclass(frozen=True)
class Tree:
    """A search of one sentence.

    Attributes:
        nodes: each after its parent; their pieces are ids.
        best: the number of the best translation's end.
    """

    nodes: list[Node]
    best: int

    @property
    def path(self) -> list[Node]:
        """The best translation, piece by piece, with its end."""
        found, number = list[Node](), self.best
        while number:
            found.append(self.nodes[number])
            number = self.nodes[number].parent
        return found[::-1]


def watch(
    ensemble: Ensemble,
    sentence: Sentence,
    decode: Decoding,
    vocabulary: Vocabulary,
    shortlist: Shortlist | None = None,
    *,
    ruled: bool = True,
) -> Tree:
    """Search as `translate_ids` does, of whose arguments these are, on a CPU.

    Raises:
        ValueError: nothing could be said.
    """
    listed = None
    if shortlist is not None:
        needed = [[vocabulary.bos, vocabulary.eos, *sentence.prefix, *sorted(sentence.needed)]]
        listed = shortlist.listed([sentence.sources[0]], needed, ensemble.device, vocabulary.spelling)
    context = Context(decode, vocabulary, [sentence], ensemble.device, listed)
    encoded = ensemble.encode(ensemble.padded([[ids] for ids in sentence.sources]), listed)
    ranking = Ranking.of(decode)
    watched = Watched(encoded.step, rules.make(context, ruled), Beam.of(decode), ranking, context.bos)
    lengths = encoded.source_lengths
    search(
        watched.step, encoded.state, watched.rules, ranking, watched.selection, bos=context.bos, source_lengths=lengths
    )
    nodes, best = watched.nodes(), watched.best().number
    if listed is not None:
        nodes = [replace(node, piece=int(listed.pieces[node.piece])) for node in nodes]
    return Tree(nodes, best)
