"""Run import-linter on a copy of the package in the current folder, once for each import planted in it.

Reads a JSON list of [file, line] from stdin; writes the names of the contracts that each breaks, as JSON. A process of
its own, as import-linter finds a package where Python would import it from.
"""

import contextlib
import io
import json
import re
import sys
from pathlib import Path

from importlinter.cli import lint_imports


def broken() -> list[str]:
    """The names of the contracts that do not hold here.

    Raises:
        RuntimeError: import-linter could not even check them.
    """
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = lint_imports(no_cache=True)
    names = re.findall(r"^(.*) BROKEN\b", said.getvalue(), re.MULTILINE)
    if bool(code) != bool(names):
        raise RuntimeError(said.getvalue())
    return names


def main() -> None:
    """Plant, look, and take out again."""
    sys.path.insert(0, ".")
    found = []
    for name, line in json.load(sys.stdin):
        file = Path(name)
        text = file.read_text(encoding="utf-8") if file.exists() else None
        file.write_text(f"{text or ''}\n{line}\n", encoding="utf-8")
        found.append(broken())
        if text is None:
            file.unlink()
        else:
            file.write_text(text, encoding="utf-8")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
