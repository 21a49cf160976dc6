"""Every operation that has more than one form, and its forms in order of preference: where a backend is chosen.

The last form is the reference, in torch: it takes anything, and tests hold the others to it. Another backend is a line
in `OPERATIONS` (a form that is as good as the reference where its `takes` says yes). Who asks for an operation
(`mtkit.ops.recurrence`, `attention`, `logits`, `dropout`, `products`) does not know which form does it.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Form:
    """One way to do an operation.

    Attributes:
        name: of the backend.
        where: "module:function", in `mtkit.ops`; its arguments are those of the reference.
        takes: "module:function", in `mtkit.ops`, which says of the arguments whether this form takes them; "": always.
    """

    name: str
    where: str
    takes: str = ""


def c(where: str, takes: str = "rows") -> Form:
    """A form in C."""
    return Form("c", f"native.{where}", f"native.takes:{takes}")


def cuda(where: str, takes: str) -> Form:
    """A form in Triton, which no CPU takes."""
    return Form("triton", f"triton.{where}", f"triton.takes:{takes}")


def torch(where: str) -> Form:
    """The reference."""
    return Form("torch", f"reference.{where}")


OPERATIONS: dict[str, tuple[Form, ...]] = {
    "gru": (c("elementwise:gru"), cuda("recurrence:gru", "steps"), torch("recurrence:gru")),
    "gru_backward": (
        c("elementwise:gru_backward"),
        cuda("recurrence:gru_backward", "steps"),
        torch("recurrence:gru_backward"),
    ),
    "lstm": (c("elementwise:lstm"), cuda("recurrence:lstm", "steps"), torch("recurrence:lstm")),
    "lstm_backward": (
        c("elementwise:lstm_backward"),
        cuda("recurrence:lstm_backward", "steps"),
        torch("recurrence:lstm_backward"),
    ),
    "norm": (c("elementwise:norm"), cuda("norm:norm", "norm"), torch("recurrence:norm")),
    "norm_backward": (
        c("elementwise:norm_backward"),
        cuda("norm:norm_backward", "norm_backward"),
        torch("recurrence:norm_backward"),
    ),
    "additive_scores": (
        c("attention:additive_scores"),
        cuda("attention:additive_scores", "additive"),
        torch("attention:additive_scores"),
    ),
    "AdditiveScores": (
        c("attention:AdditiveScores"),
        cuda("attention:AdditiveScores", "additive"),
        torch("attention:AdditiveScores"),
    ),
    "attend": (c("attention:attend"), cuda("attention:attend", "weighed"), torch("attention:attend")),
    "attend_step": (
        c("attention:attend_step"),
        cuda("attention:attend_step", "weighed_step"),
        torch("attention:attend_step"),
    ),
    "attend_step_backward": (
        c("attention:attend_step_backward"),
        cuda("attention:attend_step_backward", "weighed_step"),
        torch("attention:attend_step_backward"),
    ),
    "attend_sentences": (cuda("sentences:attend", "sentences"), torch("sentences:attend")),
    "attend_sentences_backward": (
        cuda("sentences:attend_backward", "sentences_backward"),
        torch("sentences:attend_backward"),
    ),
    "softmax_loss": (
        c("elementwise:softmax_loss", "loss"),
        cuda("logits:softmax_loss", "loss"),
        torch("logits:softmax_loss"),
    ),
    "twice_loss": (
        c("elementwise:twice_loss", "pair_loss"),
        cuda("logits:twice_loss", "loss"),
        torch("logits:twice_loss"),
    ),
    "log_sums": (c("search:log_sums", "packed"), cuda("search:log_sums", "search"), torch("logits:log_sums")),
    "rule_out": (cuda("search:rule_out", "search_states"), torch("logits:rule_out")),
    "best_pieces": (
        c("search:best_pieces", "packed"),
        cuda("search:best_pieces", "search"),
        torch("logits:best_pieces"),
    ),
    "mix_told": (c("search:mix_told", "packed"), torch("logits:mix_told")),
    "add_norm": (c("steps:add_norm", "gapless"), torch("steps:add_norm")),
    "attend_rows": (c("steps:attend_rows"), torch("steps:attend_rows")),
    "attend_memory": (c("steps:attend_memory", "gapless"), torch("steps:attend_memory")),
    "attend_dots": (c("steps:attend_dots", "gapless"), torch("attention:attend_dots")),
    "fill_mask": (c("elementwise:fill_mask", "in_any_mode"), torch("dropout:fill_mask")),
    "operand_bf16": (c("operands:Tiles", "bf16_units"), torch("operands:Rounded")),
    "outer_bf16": (c("operands:outer", "bf16_units"), torch("operands:outer")),
    "operand_int8": (c("operands:Quantised", "int8"), torch("operands:Quantised")),
}


def operation(name: str, reference: Callable[P, R]) -> Callable[P, R]:
    """An operation of the table, to be called like its reference, which only tells the types here."""
    forms: list[tuple[Callable[..., bool] | None, Callable[..., R]]] = []
    signature = inspect.signature(reference)

    def done(*given: P.args, **named: P.kwargs) -> R:
        arguments = given if not named else signature.bind(*given, **named).args  # by place, as `takes` reads them
        for takes, form in forms or resolved():
            if takes is None or takes(arguments):
                return form(*arguments)
        raise AssertionError(f"the reference of {name} takes anything")

    def resolved() -> list[tuple[Callable[..., bool] | None, Callable[..., R]]]:
        # When first asked for, so that this file imports no backend; all at once, since threads may meet here.
        if not forms:
            found = [(_found(form.takes) if form.takes else None, _found(form.where)) for form in OPERATIONS[name]]
            forms[:] = found
        return forms

    done.__doc__, done.__name__ = reference.__doc__, name
    return done


def form(name: str, *arguments: Any) -> str:
    """The name of the backend that does an operation with these arguments."""
    return next(one.name for one in OPERATIONS[name] if not one.takes or _found(one.takes)(arguments))


def _found(where: str) -> Any:
    module, _, name = where.partition(":")
    return getattr(import_module(f"mtkit.ops.{module}"), name)
