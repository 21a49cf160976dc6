"""Every choice a config can name, in one table: kind -> name -> where it is, what it is, and who described it.

Nothing is imported until `resolve` is called, so that listing and checking names costs no torch.
To add a choice: one file with the class, one line here, one test of values; the contract tests take
every line of this table by themselves.
"""

import difflib
import importlib
from typing import Any, NamedTuple

from mtkit.errors import ConfigError


class Choice(NamedTuple):
    """A line of the table."""

    where: str
    """module:attribute."""
    what: str
    paper: str = ""
    shown: str = ""
    """Of a metric: its name as people write it."""
    higher_is_better: bool = True
    """Of a metric."""
    tokenizes: bool = False
    """Of a metric: whether it takes BLEU's tokenizer."""
    needs_sources: bool = False
    """Of a metric: whether it reads the sources."""
    hidden: bool = False
    """Of a command: whether the list of commands leaves it out, as another name of one."""


CHOICES: dict[str, dict[str, Choice]] = {
    "encoder": {
        "recurrent": Choice(
            "mtkit.model.recurrent.encoder:RecurrentEncoder",
            "layers of a cell, one way or both",
            "Schuster and Paliwal 1997",
        ),
        "transformer": Choice(
            "mtkit.model.transformer.encoder:TransformerEncoder",
            "self-attention, norm before each block",
            "Vaswani et al. 2017, Xiong et al. 2020",
        ),
    },
    "decoder": {
        "recurrent": Choice(
            "mtkit.model.recurrent.decoder:RecurrentDecoder",
            "layers of a cell, with attention wired in one of several ways",
            "Bahdanau et al. 2015",
        ),
        "transformer": Choice(
            "mtkit.model.transformer.decoder:TransformerDecoder",
            "masked self-attention and attention, keys and values cached",
            "Vaswani et al. 2017, Xiong et al. 2020",
        ),
    },
    "cell": {
        "rnn": Choice("mtkit.model.cells.rnn:RNN", "plain recurrent cell, tanh", "Elman 1990"),
        "rnn_relu": Choice(
            "mtkit.model.cells.rnn:ReLURNN", "plain recurrent cell, ReLU: it can explode", "Le et al. 2015"
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
            "mtkit.model.cells.ssru:SSRU", "simpler simple recurrent unit: no product with the state", "Kim et al. 2019"
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
        ),
        "bahdanau": Choice(
            "mtkit.model.recurrent.wirings.bahdanau:Bahdanau",
            "the previous state asks, the context is part of the input",
            "Bahdanau et al. 2015",
        ),
        "conditional": Choice(
            "mtkit.model.recurrent.wirings.conditional:Conditional",
            "attention between two cells of one state",
            "Sennrich et al. 2017 (Nematus)",
        ),
        "gnmt": Choice(
            "mtkit.model.recurrent.wirings.gnmt:GNMT",
            "the bottom layer asks, all above it see the context",
            "Wu et al. 2016",
        ),
    },
    "attention": {
        "none": Choice(
            "mtkit.model.attention.none:NoAttention", "the source is seen through one vector", "Sutskever et al. 2014"
        ),
        "additive": Choice(
            "mtkit.model.attention.additive:Additive", "v . tanh(W query + U memory)", "Bahdanau et al. 2015"
        ),
        "dot": Choice("mtkit.model.attention.dot:Dot", "query . memory", "Luong et al. 2015"),
        "scaled_dot": Choice(
            "mtkit.model.attention.dot:ScaledDot",
            "W query . U memory, over the root of the width",
            "Vaswani et al. 2017",
        ),
        "general": Choice("mtkit.model.attention.dot:General", "query . W memory", "Luong et al. 2015"),
        "location": Choice(
            "mtkit.model.attention.location:Location",
            "additive, seeing where it looked the last time",
            "Chorowski et al. 2015",
        ),
        "local": Choice(
            "mtkit.model.attention.local:Local",
            "general, under a Gaussian around a predicted position",
            "Luong et al. 2015",
        ),
        "multihead": Choice(
            "mtkit.model.attention.dot:MultiHead",
            "scaled_dot of several heads, values projected",
            "Vaswani et al. 2017",
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
            "mtkit.model.transformer.positions:Rotary", "queries and keys turned by their position", "Su et al. 2021"
        ),
    },
    "norm": {
        "none": Choice("mtkit.model.norm:none", "nothing between layers"),
        "layer": Choice("mtkit.model.norm:LayerNorm", "layer normalisation after every layer", "Ba et al. 2016"),
        "batch": Choice(
            "mtkit.model.norm:BatchNorm",
            "batch normalisation after every layer, over real positions; layer is better",
            "Ioffe and Szegedy 2015, Laurent et al. 2016",
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
            "mtkit.train.optimizer:sgd", "stochastic gradient descent; betas[0] is its momentum", "Polyak 1964"
        ),
        "adagrad": Choice("mtkit.train.optimizer:adagrad", "steps shrink by the sum of squares", "Duchi et al. 2011"),
        "adadelta": Choice("mtkit.train.optimizer:adadelta", "Adagrad with a memory that fades", "Zeiler 2012"),
        "rmsprop": Choice(
            "mtkit.train.optimizer:rmsprop", "steps over a running root of squares", "Tieleman and Hinton 2012"
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
    "metric": {
        "bleu": Choice(
            "mtkit.metrics.bleu:bleu",
            "n-gram precision with a brevity penalty",
            "Papineni et al. 2002",
            shown="BLEU",
            tokenizes=True,
        ),
        "chrf": Choice("mtkit.metrics.chrf:chrf", "character n-gram F-score", "Popovic 2015", shown="chrF"),
        "ter": Choice(
            "mtkit.metrics.ter:ter",
            "edits and shifts over reference words",
            "Snover et al. 2006",
            shown="TER",
            higher_is_better=False,
        ),
    },
    "reader": {
        "prefix": Choice("mtkit.text.readers.prefix:Prefix", "PREFIX.SOURCE and PREFIX.TARGET, a sentence a line"),
        "tsv": Choice("mtkit.text.readers.tsv:TSV", "NAME.tsv, source and target apart by a tab"),
    },
    "command": {
        "preprocess": Choice("mtkit.cli.preprocess:command", "parallel text to a prepared corpus"),
        "train": Choice("mtkit.cli.train:command", "a prepared corpus to a model"),
        "translate": Choice("mtkit.cli.translate:command", "lines to translations"),
        "eval": Choice("mtkit.cli.evaluate:command", "translations to scores"),
        "evaluate": Choice("mtkit.cli.evaluate:command", "the same as eval", hidden=True),
        "score": Choice("mtkit.cli.score:command", "pairs to their likelihood"),
        "export": Choice("mtkit.cli.export:command", "a bundle to a smaller one"),
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


def resolve(kind: str, name: str) -> Any:
    """Import and return what `name` stands for among the choices of `kind`."""
    module, _, attribute = CHOICES[kind][check(kind, name)].where.partition(":")
    return getattr(importlib.import_module(module), attribute)
