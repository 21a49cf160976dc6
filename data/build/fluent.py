"""Fluent, the format of Mozilla's messages: references followed, variables kept, of forms the one that always fits."""

from collections.abc import Mapping

from fluent.syntax import FluentParser, ast

Patterns = dict[str, ast.Pattern]


class UnresolvedError(Exception):
    """A reference to a message or term that is nowhere."""


def patterns(text: str) -> Patterns:
    """Messages, terms and their attributes of one file, by name: `id`, `id.attribute`, `-term`, `-term.attribute`."""
    found = {}
    for entry in FluentParser(with_spans=False).parse(text).body:
        if isinstance(entry, ast.Message | ast.Term):
            name = f"-{entry.id.name}" if isinstance(entry, ast.Term) else entry.id.name
            if entry.value is not None:
                found[name] = entry.value
            found |= {f"{name}.{attribute.id.name}": attribute.value for attribute in entry.attributes}
    return found


def text(pattern: ast.Pattern, known: Patterns, given: Mapping[str, str] | None = None) -> str:
    """A pattern's text.

    Args:
        known: what it may refer to.
        given: what a term was given, as the case that it is to stand in.

    Raises:
        UnresolvedError: it refers to something else.
    """
    return "".join(
        element.value if isinstance(element, ast.TextElement) else _expression(element.expression, known, given or {})
        for element in pattern.elements
    )


def _expression(expression: object, known: Patterns, given: Mapping[str, str]) -> str:
    match expression:
        case ast.Placeable():
            return _expression(expression.expression, known, given)
        case ast.Literal():
            return str(expression.parse()["value"])
        case ast.VariableReference():
            return given.get(expression.id.name, f"{{ ${expression.id.name} }}")
        case ast.TermReference():
            named = expression.arguments.named if expression.arguments else []
            inner = {argument.name.name: str(argument.value.parse()["value"]) for argument in named}
            return _referred(f"-{expression.id.name}", expression.attribute, known, inner)
        case ast.MessageReference():
            return _referred(expression.id.name, expression.attribute, known, {})
        case ast.FunctionReference():  # how to write a number or a date: what is written, is the variable
            return _expression(expression.arguments.positional[0], known, given)
        case ast.SelectExpression():
            return text(_chosen(expression, known, given).value, known, given)
    raise UnresolvedError(str(expression))


def _chosen(expression: ast.SelectExpression, known: Patterns, given: Mapping[str, str]) -> ast.Variant:
    """The variant that fits what a term was given or says of itself; of numbers and systems the one that fits all."""
    selector = expression.selector
    wanted: str | None = None
    if isinstance(selector, ast.VariableReference):
        wanted = given.get(selector.id.name)
    elif isinstance(selector, ast.TermReference):
        wanted = _expression(selector, known, given)
    (default,) = [variant for variant in expression.variants if variant.default]
    return next((variant for variant in expression.variants if _key(variant) == wanted), default)


def _key(variant: ast.Variant) -> str:
    return str(variant.key.name if isinstance(variant.key, ast.Identifier) else variant.key.value)


def _referred(name: str, attribute: ast.Identifier | None, known: Patterns, given: Mapping[str, str]) -> str:
    full = f"{name}.{attribute.name}" if attribute else name
    if full not in known:
        raise UnresolvedError(full)
    return text(known[full], known, given)
