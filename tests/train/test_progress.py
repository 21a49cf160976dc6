"""Progress: what its methods do, and that nothing else changes it."""

import ast
from dataclasses import fields
from pathlib import Path

import mtkit
from mtkit.train.state import Progress

PACKAGE = Path(mtkit.__file__).parent


def test_an_update_and_the_end_of_a_pass() -> None:
    progress = Progress(update=3, epoch=1, batch=4, target_tokens=100)
    progress.step(2, 50)
    assert (progress.update, progress.epoch, progress.batch, progress.target_tokens) == (4, 1, 6, 150)
    progress.end_epoch()
    assert (progress.update, progress.epoch, progress.batch) == (4, 2, 0)


def test_a_plan_holds_for_the_budget_that_it_was_made_for() -> None:
    progress = Progress()
    progress.plan(90, 2.5)
    progress.begin(2.5)
    assert progress.total_updates == 90
    progress.begin(3.0)
    assert progress.total_updates == 0


def test_a_run_ends_and_goes_on() -> None:
    progress = Progress()
    progress.finish("max_updates = 3")
    assert progress.finished == "max_updates = 3"
    progress.reopen()
    assert progress.finished == ""


def changed_from_outside(source: str) -> list[str]:
    """Fields of a progress that a module assigns to."""
    found = []
    for node in ast.walk(ast.parse(source)):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in [one for all_ in targets for one in (all_.elts if isinstance(all_, ast.Tuple) else [all_])]:
            if isinstance(target, ast.Attribute):
                owner = target.value
                name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
                found += [target.attr] if name == "progress" else []
    return found


def test_only_its_methods_change_it() -> None:
    assert changed_from_outside("self.progress.a = 1\nprogress.b, x = 2, 3\nprogress.c += 1\nprogress = 4") == [*"abc"]
    changed = {path.name: changed_from_outside(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")}
    own = {field.name for field in fields(Progress)}  # others may be called so: what is shown of long work
    assert {name: found for name, some in changed.items() if (found := own & set(some))} == {}
