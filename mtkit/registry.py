"""Every choice a config can name, in one table: kind -> name -> where it is, what it is, and who described it.

Nothing is imported until `resolve` is called, so that listing and checking names costs no torch.
To add a choice: one file with the class, one line here, one test of values; the contract tests take
every line of this table by themselves. What the config, the reports and the jobs must know of a choice are facts
of its line: none of them knows a choice by its name. From outside the package choices come by `register` (see
`mtkit.plugins`).
"""

import contextlib
import difflib
import importlib
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import Any, NamedTuple

from mtkit.errors import ConfigError

OURS = "mtkit"  # where the choices of this table come from
_bringing: ContextVar[str] = ContextVar("bringing", default="")  # the plug-in that is being loaded


class Choice(NamedTuple):
    """A line of the table: where, what and who, and facts, each of some kinds only (`FACTS`)."""

    where: str
    """module:attribute."""
    what: str
    paper: str = ""
    settings: str = ""
    """Of an encoder or a decoder: module:attribute of its table in the config, torch-free; "": the table is made of
    what its constructor takes."""
    recurrent: bool = False
    """Of an encoder or a decoder: whether gradients flow from state to state."""
    built_by: str = ""
    """Of a decoder: the key of its table whose choice is the class to build, a subclass of `where`; "": `where` is."""
    own_attention: str = ""
    """Of a decoder: the attention that is a part of it; "": it takes the one that the config names."""
    heads: bool = False
    """Of an attention: whether it takes several heads."""
    default_heads: int = 1
    """Of an attention: the heads that 0 stands for."""
    window: bool = False
    """Of an attention: whether `window` means something to it."""
    looks: bool = True
    """Of an attention: whether it looks at the source at all."""
    needs_attention: bool = False
    """Of a wiring: whether it is nothing without an attention that looks."""
    min_layers: int = 1
    """Of a wiring: the layers that it takes at least."""
    all_positions: bool = False
    """Of a wiring: it has all positions of a layer at once; of a norm: it needs them."""
    even_heads: bool = False
    """Of positions: whether a head must be of an even width."""
    unbounded: str = ""
    """Of a cell: what of it has no bound and may explode, as a warning says it; "": its states are bounded."""
    multiplies_state: bool = True
    """Of a cell: whether a matrix leads from state to state."""
    betas: tuple[int, ...] = (0, 1)
    """Of an optimizer: which of the two decay rates it takes."""
    shown: str = ""
    """Of a metric: its name as people write it."""
    higher_is_better: bool = True
    """Of a metric."""
    tokenizes: bool = False
    """Of a metric: whether it takes BLEU's tokenizer."""
    counts_words: bool = False
    """Of a metric: whether it counts words, which it knows by the spaces between them if no tokenizer finds them."""
    by_line: bool = False
    """Of a metric: whether it is slow and goes line by line, by `Texts.follow`."""
    needs_sources: bool = False
    """Of a metric: whether it reads the sources."""
    always: bool = False
    """Of a rule of search: whether it is asked without a table [decode.rules.NAME]."""
    suffixes: tuple[str, ...] = ()
    """Of a document: what names of such files end in."""
    hidden: bool = False
    """Of a command: whether the list of commands leaves it out, as another name of one."""
    origin: str = OURS
    """Who brought it: mtkit, a package with its version, or a module. `register` fills it in."""


class Named(NamedTuple):
    """What the constructor of an encoder or decoder without `settings` says of an argument that is a choice.

    `cell: Annotated[type[Cell], Named("cell", "gru")]` takes a class, which the config names.
    """

    kind: str
    default: str = ""
    """"": there is none, the config must name one."""


OF_ALL = ("where", "what", "paper", "origin")
FACTS: dict[str, tuple[str, ...]] = {
    "encoder": ("settings", "recurrent"),
    "decoder": ("settings", "recurrent", "built_by", "own_attention"),
    "attention": ("heads", "default_heads", "window", "looks"),
    "wiring": ("needs_attention", "min_layers", "all_positions"),
    "norm": ("all_positions",),
    "positions": ("even_heads",),
    "cell": ("unbounded", "multiplies_state"),
    "optimizer": ("betas",),
    "metric": ("shown", "higher_is_better", "tokenizes", "counts_words", "by_line", "needs_sources"),
    "rule": ("always",),
    "document": ("suffixes",),
    "command": ("hidden",),
}
"""Kind -> the facts that its choices can have; a kind that is not here has none."""


CHOICES: dict[str, dict[str, Choice]] = {
    "encoder": {
        "recurrent": Choice(
            "mtkit.model.recurrent.encoder:RecurrentEncoder",
            "layers of a cell, one way or both",
            "Schuster and Paliwal 1997",
            settings="mtkit.schema.sides:RecurrentEncoder",
            recurrent=True,
        ),
        "transformer": Choice(
            "mtkit.model.transformer.encoder:TransformerEncoder",
            "self-attention, norm before each block",
            "Vaswani et al. 2017, Xiong et al. 2020",
            settings="mtkit.schema.sides:TransformerEncoder",
        ),
    },
    "decoder": {
        "recurrent": Choice(
            "mtkit.model.recurrent.decoder:RecurrentDecoder",
            "layers of a cell, with attention wired in one of several ways",
            "Bahdanau et al. 2015",
            settings="mtkit.schema.sides:RecurrentDecoder",
            recurrent=True,
            built_by="wiring",
        ),
        "transformer": Choice(
            "mtkit.model.transformer.decoder:TransformerDecoder",
            "masked self-attention and attention, keys and values cached",
            "Vaswani et al. 2017, Xiong et al. 2020",
            settings="mtkit.schema.sides:TransformerDecoder",
            own_attention="multihead",
        ),
    },
    "cell": {
        "rnn": Choice("mtkit.model.cells.rnn:RNN", "plain recurrent cell, tanh", "Elman 1990"),
        "rnn_relu": Choice(
            "mtkit.model.cells.rnn:ReLURNN",
            "plain recurrent cell, ReLU: it can explode",
            "Le et al. 2015",
            unbounded="the states of a ReLU recurrence",
        ),
        "gru": Choice("mtkit.model.cells.gru:GRU", "gated recurrent unit", "Cho et al. 2014"),
        "lstm": Choice(
            "mtkit.model.cells.lstm:LSTM",
            "long short-term memory",
            "Hochreiter and Schmidhuber 1997, Gers et al. 2000",
        ),
        "gru_ln": Choice(
            "mtkit.model.cells.layer_norm:LayerNormGRU", "GRU with layer norm on its gates", "Ba et al. 2016"
        ),
        "lstm_ln": Choice(
            "mtkit.model.cells.layer_norm:LayerNormLSTM",
            "LSTM with layer norm on its gates and long-term state",
            "Ba et al. 2016",
        ),
        "ssru": Choice(
            "mtkit.model.cells.ssru:SSRU",
            "simpler simple recurrent unit: no product with the state",
            "Kim et al. 2019",
            multiplies_state=False,
        ),
    },
    "wiring": {
        "input_feeding": Choice(
            "mtkit.model.recurrent.wirings.input_feeding:InputFeeding",
            "the attentional vector is part of the next input",
            "Luong et al. 2015",
        ),
        "plain": Choice(
            "mtkit.model.recurrent.wirings.plain:Plain",
            "attention beside the recurrence, nothing fed back",
            "Luong et al. 2015",
            all_positions=True,
        ),
        "bahdanau": Choice(
            "mtkit.model.recurrent.wirings.bahdanau:Bahdanau",
            "the previous state asks, the context is part of the input",
            "Bahdanau et al. 2015",
            needs_attention=True,
        ),
        "conditional": Choice(
            "mtkit.model.recurrent.wirings.conditional:Conditional",
            "attention between two cells of one state",
            "Sennrich et al. 2017 (Nematus)",
            needs_attention=True,
        ),
        "gnmt": Choice(
            "mtkit.model.recurrent.wirings.gnmt:GNMT",
            "the bottom layer asks, all above it see the context",
            "Wu et al. 2016",
            needs_attention=True,
            min_layers=2,
            all_positions=True,
        ),
    },
    "attention": {
        "none": Choice(
            "mtkit.model.attention.none:NoAttention",
            "the source is seen through one vector",
            "Sutskever et al. 2014",
            looks=False,
        ),
        "additive": Choice(
            "mtkit.model.attention.additive:Additive",
            "v . tanh(W query + U memory)",
            "Bahdanau et al. 2015",
            heads=True,
        ),
        "dot": Choice("mtkit.model.attention.dot:Dot", "query . memory", "Luong et al. 2015"),
        "scaled_dot": Choice(
            "mtkit.model.attention.dot:ScaledDot",
            "W query . U memory, over the root of the width",
            "Vaswani et al. 2017",
            heads=True,
        ),
        "general": Choice("mtkit.model.attention.dot:General", "query . W memory", "Luong et al. 2015", heads=True),
        "location": Choice(
            "mtkit.model.attention.location:Location",
            "additive, seeing where it looked the last time",
            "Chorowski et al. 2015",
            window=True,
        ),
        "local": Choice(
            "mtkit.model.attention.local:Local",
            "general, under a Gaussian around a predicted position",
            "Luong et al. 2015",
            window=True,
        ),
        "multihead": Choice(
            "mtkit.model.attention.dot:MultiHead",
            "scaled_dot of several heads, values projected",
            "Vaswani et al. 2017",
            heads=True,
            default_heads=4,
        ),
    },
    "positions": {
        "sinusoidal": Choice(
            "mtkit.model.transformer.positions:Sinusoidal",
            "sines and cosines added to the embeddings",
            "Vaswani et al. 2017",
        ),
        "learned": Choice(
            "mtkit.model.transformer.positions:Learned", "a vector for each position, learned", "Gehring et al. 2017"
        ),
        "rotary": Choice(
            "mtkit.model.transformer.positions:Rotary",
            "queries and keys turned by their position",
            "Su et al. 2021",
            even_heads=True,
        ),
    },
    "norm": {
        "none": Choice("mtkit.model.norm:none", "nothing between layers"),
        "layer": Choice("mtkit.model.norm:LayerNorm", "layer normalisation after every layer", "Ba et al. 2016"),
        "batch": Choice(
            "mtkit.model.norm:BatchNorm",
            "batch normalisation after every layer, over real positions; layer is better",
            "Ioffe and Szegedy 2015, Laurent et al. 2016",
            all_positions=True,
        ),
    },
    "init": {
        "xavier": Choice("mtkit.model.initialise:xavier", "by width in and out", "Glorot and Bengio 2010"),
        "kaiming": Choice("mtkit.model.initialise:kaiming", "by width in, for ReLU", "He et al. 2015"),
        "uniform": Choice("mtkit.model.initialise:uniform", "uniform in ±0.08", "Sutskever et al. 2014"),
    },
    "recurrent_init": {
        "orthogonal": Choice("mtkit.model.initialise:orthogonal", "an orthogonal matrix a gate", "Saxe et al. 2014"),
        "identity": Choice("mtkit.model.initialise:identity", "the identity a gate, good with ReLU", "Le et al. 2015"),
        "xavier": Choice("mtkit.model.initialise:xavier", "by width in and out", "Glorot and Bengio 2010"),
        "kaiming": Choice("mtkit.model.initialise:kaiming", "by width in, for ReLU", "He et al. 2015"),
        "uniform": Choice("mtkit.model.initialise:uniform", "uniform in ±0.08", "Sutskever et al. 2014"),
    },
    "optimizer": {
        "sgd": Choice(
            "mtkit.train.optimizer:sgd",
            "stochastic gradient descent; betas[0] is its momentum",
            "Polyak 1964",
            betas=(0,),
        ),
        "adagrad": Choice(
            "mtkit.train.optimizer:adagrad", "steps shrink by the sum of squares", "Duchi et al. 2011", betas=()
        ),
        "adadelta": Choice(
            "mtkit.train.optimizer:adadelta", "Adagrad with a memory that fades", "Zeiler 2012", betas=(1,)
        ),
        "rmsprop": Choice(
            "mtkit.train.optimizer:rmsprop",
            "steps over a running root of squares",
            "Tieleman and Hinton 2012",
            betas=(1,),
        ),
        "adam": Choice("mtkit.train.optimizer:adam", "running mean over running root of squares", "Kingma and Ba 2015"),
        "adamw": Choice(
            "mtkit.train.optimizer:adamw", "Adam with weight decay beside it", "Loshchilov and Hutter 2019"
        ),
        "nadam": Choice("mtkit.train.optimizer:nadam", "Adam with Nesterov momentum", "Dozat 2016"),
        "radam": Choice("mtkit.train.optimizer:radam", "Adam with a rectified start", "Liu et al. 2020"),
    },
    "schedule": {
        "constant": Choice("mtkit.train.schedule:constant", "the peak, after the warm-up"),
        "inverse_sqrt": Choice(
            "mtkit.train.schedule:inverse_sqrt", "falls with the root of the update", "Vaswani et al. 2017"
        ),
        "linear": Choice("mtkit.train.schedule:linear", "falls to zero at the last update", "Devlin et al. 2019"),
        "cosine": Choice(
            "mtkit.train.schedule:cosine", "falls to zero along a half cosine", "Loshchilov and Hutter 2017"
        ),
        "step": Choice(
            "mtkit.train.schedule:step", "the peak for half of the run, then halved eight times", "Luong et al. 2015"
        ),
        "plateau": Choice("mtkit.train.schedule:plateau", "halved after each validation without gain"),
    },
    "rule": {  # they act in this order
        "never": Choice(
            "mtkit.search.rules.well_formed:make",
            "pieces that must not be produced, and bytes that make no character",
            always=True,
        ),
        "min_length": Choice("mtkit.search.rules.min_length:make", "no end before decode.min_length", always=True),
        "no_repeat": Choice(
            "mtkit.search.rules.no_repeat:make",
            "no decode.no_repeat_ngram pieces in a row come twice",
            "Paulus et al. 2018",
            always=True,
        ),
        "each_once": Choice(
            "mtkit.search.rules.each_once:make",
            "what stands for spans exactly once, and nested as they are",
            always=True,
        ),
    },
    "metric": {
        "bleu": Choice(
            "mtkit.metrics.bleu:bleu",
            "n-gram precision with a brevity penalty",
            "Papineni et al. 2002",
            shown="BLEU",
            tokenizes=True,
            counts_words=True,
        ),
        "chrf": Choice("mtkit.metrics.chrf:chrf", "character n-gram F-score", "Popovic 2015", shown="chrF"),
        "ter": Choice(
            "mtkit.metrics.ter:ter",
            "edits and shifts over reference words",
            "Snover et al. 2006",
            shown="TER",
            higher_is_better=False,
            counts_words=True,
            by_line=True,
        ),
    },
    "reader": {
        "prefix": Choice("mtkit.text.readers.prefix:Prefix", "PREFIX.SOURCE and PREFIX.TARGET, a sentence a line"),
        "tsv": Choice("mtkit.text.readers.tsv:TSV", "NAME.tsv, source and target apart by a tab"),
        "csv": Choice("mtkit.text.readers.tables:CSV", "NAME.csv, whose first line names the columns"),
        "jsonl": Choice("mtkit.text.readers.tables:JSONLines", "NAME.jsonl, an object a line with a key a language"),
        "parquet": Choice("mtkit.text.readers.tables:Parquet", "NAME.parquet, columns by language (mtkit[parquet])"),
        "tmx": Choice("mtkit.text.readers.tmx:TMX", "NAME.tmx, a translation memory"),
        "xliff": Choice("mtkit.text.readers.xliff:XLIFF", "NAME.xliff, 1.2 and 2: the units that are translated"),
        "xlf": Choice("mtkit.text.readers.xliff:XLF", "NAME.xlf, the same"),
        "po": Choice(
            "mtkit.text.readers.catalogues:PO", "NAME.po, a catalogue of gettext: what is translated (mtkit[po])"
        ),
        "mo": Choice("mtkit.text.readers.catalogues:MO", "NAME.mo, the same compiled (mtkit[po])"),
    },
    "document": {
        "text": Choice("mtkit.documents.plain:Text", "plain text by paragraphs"),
        "android": Choice("mtkit.documents.android:Android", "strings of Android", suffixes=(".xml",)),
        "po": Choice("mtkit.documents.po:PO", "catalogues of gettext", suffixes=(".po", ".pot")),
        "xliff": Choice("mtkit.documents.xliff:XLIFF", "XLIFF 1.2 and 2", suffixes=(".xlf", ".xliff")),
        "html": Choice("mtkit.documents.html:HTML", "pages of the web", suffixes=(".html", ".htm", ".xhtml")),
        "markdown": Choice("mtkit.documents.markdown:Markdown", "Markdown", suffixes=(".md", ".markdown")),
        "docx": Choice("mtkit.documents.word:Word", "documents of Word", suffixes=(".docx",)),
        "odt": Choice("mtkit.documents.odt:ODT", "documents of LibreOffice", suffixes=(".odt",)),
        "json": Choice("mtkit.documents.json:JSON", "strings in JSON", suffixes=(".json", ".arb")),
        "yaml": Choice("mtkit.documents.yaml:YAML", "strings in YAML", suffixes=(".yaml", ".yml")),
        "properties": Choice("mtkit.documents.properties:Properties", "properties of Java", suffixes=(".properties",)),
        "fluent": Choice("mtkit.documents.fluent:Fluent", "messages of Fluent", suffixes=(".ftl",)),
        "srt": Choice("mtkit.documents.subtitles:SRT", "subtitles", suffixes=(".srt",)),
        "vtt": Choice("mtkit.documents.subtitles:VTT", "subtitles of the web", suffixes=(".vtt",)),
        "tsv": Choice("mtkit.documents.tsv:TSV", "columns apart by tabs", suffixes=(".tsv",)),
    },
    "command": {
        "init": Choice("mtkit.cli.init:command", "a first config for text that lies somewhere"),
        "preprocess": Choice("mtkit.cli.preprocess:command", "parallel text to a prepared corpus"),
        "train": Choice("mtkit.cli.train:command", "a prepared corpus to a model"),
        "adapt": Choice("mtkit.cli.adapt:command", "a model to one that is fit for a text"),
        "translate": Choice("mtkit.cli.translate:command", "lines to translations"),
        "eval": Choice("mtkit.cli.evaluate:command", "translations to scores"),
        "evaluate": Choice("mtkit.cli.evaluate:command", "the same as eval", hidden=True),
        "score": Choice("mtkit.cli.score:command", "pairs to their likelihood"),
        "look": Choice("mtkit.cli.look:command", "what models do with a sentence"),
        "report": Choice("mtkit.cli.report:command", "a page over runs, text and systems"),
        "export": Choice("mtkit.cli.export:command", "a bundle to a smaller one"),
        "study": Choice("mtkit.cli.study:command", "claims of the field, tried"),
        "serve": Choice("mtkit.cli.serve:command", "models to whoever asks over HTTP"),
        "info": Choice("mtkit.cli.info:command", "what a model, a config, a choice is"),
    },
}


def nearest(name: str, names: list[str]) -> str:
    """The sentence part ", did you mean X?" for a misspelt name, or nothing where none is near."""
    found = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f", did you mean {found[0]!r}?" if found else ""


def check(kind: str, name: str) -> str:
    """Return `name` if it is a choice of `kind`.

    Raises:
        ConfigError: naming the nearest choice and all of them.
    """
    names = list(CHOICES[kind])
    if name not in names:
        raise ConfigError(f"unknown {kind} {name!r}{nearest(name, names)} (choices: {', '.join(names)})")
    return name


def choice(kind: str, name: str) -> Choice:
    """The line of a choice, with its facts.

    Raises:
        ConfigError: as `check`.
    """
    return CHOICES[kind][check(kind, name)]


def having(kind: str, **facts: object) -> list[str]:
    """The names of a kind whose lines have these facts, in the order of the table."""
    wanted = facts.items()
    return [name for name, line in CHOICES[kind].items() if all(getattr(line, fact) == is_ for fact, is_ in wanted)]


def resolve(kind: str, name: str) -> Any:
    """Import and return what `name` stands for among the choices of `kind`."""
    return load(choice(kind, name).where)


def load(where: str) -> Any:
    """Import and return what stands at module:attribute."""
    module, _, attribute = where.partition(":")
    return getattr(importlib.import_module(module), attribute)


def register(kind: str, name: str, line: Choice, origin: str = "") -> None:
    """Add a choice from outside the package.

    Args:
        line: as in the table above.
        origin: who brings it; "": the plug-in that is being loaded, or else the module that holds it.

    Raises:
        ConfigError: there is no such kind or no such fact of that kind, or the name is taken; says by whom.
    """
    if kind not in CHOICES:
        raise ConfigError(
            f"there is no kind {kind!r} of choices{nearest(kind, list(CHOICES))} (kinds: {_all(CHOICES)})"
        )
    module, _, attribute = line.where.partition(":")
    if not (module and attribute):
        raise ConfigError(f"{kind} {name!r} is at {line.where!r}: expected module:attribute")
    facts = FACTS.get(kind, ())
    if wrong := [fact for fact in strange(kind, line) if fact != "origin"]:
        raise ConfigError(f"{kind} {name!r} has no fact {wrong[0]!r} (facts of this kind: {_all(facts) or 'none'})")
    origin = origin or _bringing.get() or module
    taken = CHOICES[kind].get(name)
    if taken is not None and taken != line._replace(origin=taken.origin):  # the same line again changes nothing
        raise ConfigError(f"{kind} {name!r} of {origin} has a name that {taken.origin} has taken: give it another one")
    if taken is None:
        CHOICES[kind][name] = line._replace(origin=origin)


def strange(kind: str, line: Choice) -> list[str]:
    """Facts that a line states though its kind has none of them."""
    known = {*OF_ALL, *FACTS.get(kind, ())}
    plain = Choice("", "")
    return [fact for fact in Choice._fields if fact not in known and getattr(line, fact) != getattr(plain, fact)]


@contextlib.contextmanager
def brought_by(origin: str) -> Iterator[None]:
    """Whatever is registered in here comes from `origin`."""
    before = _bringing.set(origin)
    try:
        yield
    finally:
        _bringing.reset(before)


def _all(names: Iterable[str]) -> str:
    return ", ".join(names)
