"""Pages of results: one file that opens offline, on a phone, in the dark and on paper. Must not know torch.

A page is a template in `templates/` that extends `base.html`; styles and scripts are files beside it, put into the
page. What comes from data is escaped by the template engine, everywhere; the page's own policy forbids every request.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mtkit.version import __version__

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, values: Mapping[str, Any], *, reload: int = 0) -> str:
    """HTML of a template.

    Args:
        template: its file name in `templates/`.
        values: what it speaks of, by name; strings are escaped. `title` is wanted by every template.
        reload: seconds after which the page loads itself anew; 0: never.

    Raises:
        jinja2.UndefinedError: the template speaks of something that `values` lacks.
    """
    return _ENVIRONMENT.get_template(template).render(values, reload=reload)


def _asset(name: str) -> Markup:
    """A style or script of ours as it is."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))


def _data(value: Any) -> Markup:
    """JSON to stand within a script element, where nothing may end the element; no NaN, which is no JSON."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def _number(value: float | None, places: int = 2) -> str:
    """A number with thousands apart; "–": there is none."""
    return "–" if value is None else f"{value:,.{places}f}"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(asset=_asset, version=__version__)
    environment.filters.update(data=_data, number=_number)
    return environment


_ENVIRONMENT = _environment()
