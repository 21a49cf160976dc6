"""What is asked by a program that knows nothing but the OpenAPI document is answered as that says."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.serving import Serving
from tests.translator.small import written

pytestmark = pytest.mark.system
HOOKS = """
import schemathesis

@schemathesis.hook
def filter_case(context, case):
    # In a form all is text: there are no values of a wrong type, and none that is null.
    return case.media_type in (None, "application/json") or case.meta.generation.mode.is_positive
"""


def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    if importlib.util.find_spec("schemathesis") is None:
        pytest.skip("schemathesis is not installed: make system installs it")
    pairs = [("en", "de"), ("de", "en")]
    models = [written(tmp_path / "-".join(pair), seed, languages=pair) for seed, pair in enumerate(pairs)]
    server = Serving(tmp_path, models, "--suggestions", "kept.db", "--beam-size", "1", "--max-ratio", "0.5", limit=600)
    command = [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", "run"]
    command += [f"{server.url}/spec", "--max-examples", "20", "--seed", "7", "--no-color"]
    # What no schema says: which languages go together, what is a file of a format, what are entries of a glossary.
    command += ["--exclude-checks", "positive_data_acceptance"]
    (tmp_path / "hooks.py").write_text(HOOKS)
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600, env=environment)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    code, said = server.end()
    assert (code, said) == (0, "")
