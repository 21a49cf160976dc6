"""Every choice a config can name, in one table: kind -> name -> "module:Class".

Nothing is imported until `resolve` is called, so that listing and checking names costs no torch.
To add a choice: one file with the class, one line here, one test of values; the contract tests take
every line of this table by themselves.
"""

import difflib
import importlib
from typing import Any

from mtkit.errors import ConfigError

CHOICES: dict[str, dict[str, str]] = {
    "cell": {
        "rnn": "mtkit.model.cells.rnn:RNN",  # Elman 1990
        "gru": "mtkit.model.cells.gru:GRU",  # Cho et al. 2014
        "lstm": "mtkit.model.cells.lstm:LSTM",  # Hochreiter and Schmidhuber 1997, Gers et al. 2000
    },
    "attention": {
        "none": "mtkit.model.attention.none:NoAttention",  # Sutskever et al. 2014
        "additive": "mtkit.model.attention.additive:Additive",  # Bahdanau et al. 2015
        "dot": "mtkit.model.attention.dot:Dot",  # Luong et al. 2015
        "general": "mtkit.model.attention.general:General",  # Luong et al. 2015
    },
    "wiring": {
        "input_feeding": "mtkit.model.wiring.input_feeding:InputFeeding",  # Luong et al. 2015
        "plain": "mtkit.model.wiring.plain:Plain",  # attention beside the recurrence, nothing fed back
    },
    "optimizer": {
        "sgd": "mtkit.train.optimizer:sgd",  # Polyak 1964
        "adagrad": "mtkit.train.optimizer:adagrad",  # Duchi et al. 2011
        "adadelta": "mtkit.train.optimizer:adadelta",  # Zeiler 2012
        "rmsprop": "mtkit.train.optimizer:rmsprop",  # Tieleman and Hinton 2012
        "adam": "mtkit.train.optimizer:adam",  # Kingma and Ba 2015
        "adamw": "mtkit.train.optimizer:adamw",  # Loshchilov and Hutter 2019
        "nadam": "mtkit.train.optimizer:nadam",  # Dozat 2016
        "radam": "mtkit.train.optimizer:radam",  # Liu et al. 2020
    },
    "schedule": {
        "constant": "mtkit.train.schedule:constant",
        "inverse_sqrt": "mtkit.train.schedule:inverse_sqrt",  # Vaswani et al. 2017
        "linear": "mtkit.train.schedule:linear",  # Devlin et al. 2019
        "cosine": "mtkit.train.schedule:cosine",  # Loshchilov and Hutter 2017
        "step": "mtkit.train.schedule:step",  # Luong et al. 2015
        "plateau": "mtkit.train.schedule:plateau",
    },
    "metric": {
        "bleu": "mtkit.score.metrics:bleu",  # Papineni et al. 2002
        "chrf": "mtkit.score.metrics:chrf",  # Popovic 2015
        "ter": "mtkit.score.metrics:ter",  # Snover et al. 2006
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
    module, _, attribute = CHOICES[kind][check(kind, name)].partition(":")
    return getattr(importlib.import_module(module), attribute)
