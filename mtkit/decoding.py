"""What the table [decode] of a config may say: each key with its type, bounds, default and a line on what it does.

The config (`mtkit.schema.Decode`), the options of commands (`mtkit.cli.decode_flags`) and search read this one class: a
key is written here and where it is obeyed, and nowhere else. Must not know pydantic or torch: the help of commands is
made of it.
"""

import ast
import inspect
import textwrap
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le

Settings = dict[str, dict[str, Any]]


class Decoding:
    """How to search."""

    beam_size: Annotated[int, Ge(1), Le(10_000)] = 5
    """Hypotheses kept in search; 1: greedy."""
    length_penalty: Annotated[float, Ge(-10), Le(10)] = 1.0
    """A in log-probability / ((5+|Y|)/6)^A (Wu et al. 2016)."""
    coverage_penalty: Annotated[float, Ge(0), Le(100)] = 0.0
    """B in + B * sum of log(min(1, attention paid)) over source positions (Wu et al. 2016); 0: none."""
    max_ratio: Annotated[float, Gt(0), Le(1000)] = 3.0
    """Longest output: so many times the source pieces, plus 10."""
    min_length: Annotated[int, Ge(0), Le(10_000)] = 0
    """Shortest output in pieces."""
    no_repeat_ngram: Annotated[int, Ge(0), Le(1000)] = 0
    """No so many pieces in a row come twice; 0: they may."""
    batch_tokens: Annotated[int, Ge(1)] = 4096
    """Source pieces times beam in a batch."""
    precision: Literal["auto", "fp32", "bf16", "int8"] = "auto"
    """Of matrix products; auto: the quickest that pays, by processor and model."""
    protect: list[str] = []  # noqa: RUF012
    """Regular expressions of what else comes out as it went in, beside placeholders, tags, addresses and the like."""
    rules: Settings = {}  # noqa: RUF012  (nobody writes into it, and pydantic copies it)
    """Rules from plug-ins that act: a table [decode.rules.NAME] of what each takes, which may be empty."""


def lines(table: type, of: tuple[type, ...] = (Decoding,)) -> dict[str, str]:
    """Key -> the line below it, of a class that inherits from one of some; of one that was made, and not written, there
    are none."""
    found: dict[str, str] = {}
    for part in reversed([part for part in table.__mro__ if issubclass(part, of)]):
        try:
            (node,) = ast.parse(textwrap.dedent(inspect.getsource(part))).body
        except (OSError, TypeError):
            continue
        assert isinstance(node, ast.ClassDef)
        for key, line in zip(node.body, node.body[1:], strict=False):
            match key, line:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(said))):
                    found[name] = inspect.cleandoc(said)
    return found
