"""The page of what a person should look at in translated documents: plain values in, HTML out. Must not know torch."""

from collections.abc import Sequence
from typing import Any

from mtkit.report.page import render


def page(files: Sequence[dict[str, Any]]) -> str:
    """One file.

    Args:
        files: each {"file", "translated", "kept", "look", "segments"}; of segments those that are doubtful, each
            {"where", "source", "translation", "written", "warnings"}, and perhaps "confidence". Those that were not
            written come first, then those that are the least sure, then those of which most is said.
    """
    ordered = [one | {"segments": sorted(one["segments"], key=_worst)} for one in files]
    count = sum(one["look"] for one in files)
    title = f"To be looked at: {count:,} {'segment' if count == 1 else 'segments'}"
    return render("review.html", {"title": title, "files": ordered})


def _worst(segment: dict[str, Any]) -> tuple[bool, float, int]:
    return segment["written"], segment.get("confidence", 1.0), -len(segment["warnings"])
