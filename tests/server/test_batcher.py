"""The queue: what goes together, in which order, and what ends before it is begun."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, cast

import pytest

from mtkit.errors import DataError
from mtkit.schema import Decode
from mtkit.server import batcher as under_test
from mtkit.server.batcher import Asked, Batcher, Full, Late
from mtkit.server.models import Model
from mtkit.translator.request import Request, Translation
from tests.server.asking import POISON, Stub


class Held:
    """A model that is there already."""

    def __init__(self, stub: Stub) -> None:
        self.stub = stub

    def translator(self) -> Stub:
        return self.stub


Made = Callable[..., tuple[Batcher, Stub, Callable[..., "Future[list[Translation]]"]]]


@pytest.fixture
def made() -> Iterator[Made]:
    """Makes a batcher with a stub, and what gives it lines; the stub is busy with "first" until its gate opens."""
    all_of_them: list[tuple[Batcher, Stub]] = []

    def one(**settings: Any) -> tuple[Batcher, Stub, Callable[..., "Future[list[Translation]]"]]:
        batcher, stub = Batcher(1, **settings), Stub()
        all_of_them.append((batcher, stub))
        model = cast(Model, Held(stub))

        def give(*lines: str, asked: Asked | None = None, seconds: float = 20.0) -> "Future[list[Translation]]":
            return batcher.submit(model, lines, asked or Asked(), seconds)

        stub.gate.clear()
        give("first")
        assert stub.begun.acquire(timeout=20)
        return batcher, stub, give

    yield one
    for batcher, stub in all_of_them:
        stub.gate.set()
        batcher.close()


def texts(future: "Future[list[Translation]]") -> list[str]:
    return [one.text for one in future.result(20)]


def numbered(name: str, count: int) -> list[str]:
    return [f"{name}{number}" for number in range(count)]


def test_requests_of_like_settings_go_together(made: Made) -> None:
    batcher, stub, give = made()
    several = Asked(Request(n_best=2))
    wide = Asked(Request(), Decode.model_validate({"beam_size": 9}))
    futures = [
        give("a1", "a2"),
        give("b1", asked=several),
        give("c1"),
        give("d1", asked=wide),
        give("e1", asked=several),
    ]
    stub.gate.set()
    assert [texts(one) for one in futures] == [["de:a1", "de:a2"], ["de:b1"], ["de:c1"], ["de:d1"], ["de:e1"]]
    assert stub.windows == [["first"], ["a1", "a2", "c1"], ["b1", "e1"], ["d1"]]
    assert [len(one.candidates) for one in futures[1].result()] == [2]
    assert batcher.translated == 7
    assert batcher.lines_waiting == 0


def test_a_long_request_does_not_hold_up_a_short_one(made: Made) -> None:
    _, stub, give = made()
    long = give(*numbered("l", 300))
    short = [give(f"s{number}") for number in range(3)]
    stub.gate.set()
    assert texts(long) == [f"de:l{number}" for number in range(300)]
    assert [texts(one) for one in short] == [["de:s0"], ["de:s1"], ["de:s2"]]
    # Eight of the long one, then each short one, then what there is room for.
    assert stub.windows[1][:11] == [*numbered("l", 8), "s0", "s1", "s2"]
    assert len(stub.windows[1]) == under_test.OF_ONE + 3
    # Between two windows of the long one whoever wants something else has his turn.
    stub.windows.clear()
    stub.gate.clear()
    first = give("first")
    long = give(*numbered("l", 300))
    other = give("o", asked=Asked(Request(n_best=2)))
    stub.gate.set()
    assert [texts(first), texts(other), len(texts(long))] == [["de:first"], ["de:o"], 300]
    assert stub.windows.index(["o"]) <= 2


def test_lines_of_one_request_stay_in_order_beside_another(made: Made) -> None:
    _, stub, give = made()
    one, other = give(*numbered("a", 100)), give(*numbered("b", 70))
    stub.gate.set()
    assert texts(one) == [f"de:a{number}" for number in range(100)]
    assert texts(other) == [f"de:b{number}" for number in range(70)]
    # As much of each, and what is short first.
    turns = [f"{name}{8 * turn + n}" for turn in range(8) for name in "ab" for n in range(8)]
    assert stub.windows[1] == sorted(turns, key=len)


def test_at_most_so_many_go_together(made: Made) -> None:
    _, stub, give = made()
    futures = [give(*numbered(f"{name}.", 60)) for name in range(5)]
    stub.gate.set()
    assert [len(texts(one)) for one in futures] == [60] * 5
    assert [len(window) for window in stub.windows] == [1, under_test.TOGETHER, 300 - under_test.TOGETHER]


def test_who_is_done_is_told_while_others_are_searched(made: Made) -> None:
    _, stub, give = made()
    long, short = give("a longer one"), give("b")
    reached, go_on = threading.Event(), threading.Event()
    window = stub.window

    def slowly(*given: Any) -> Iterator[Translation]:
        for one in window(*given):
            if one.source == "a longer one":
                reached.set()
                assert go_on.wait(20)
            yield one

    stub.window = slowly  # type: ignore[method-assign, assignment]
    stub.gate.set()
    assert reached.wait(20)
    assert texts(short) == ["de:b"]
    assert not long.done()
    go_on.set()
    assert texts(long) == ["de:a longer one"]
    assert stub.windows[1] == ["b", "a longer one"]


def test_lines_that_come_one_after_the_other_go_together(made: Made) -> None:
    """As of clients that were answered together, and ask again each in its turn."""
    _, stub, give = made(pause=0.25)
    futures = [give("0")]
    stub.gate.set()
    for number in range(1, 4):
        time.sleep(0.01)
        futures.append(give(f"{number}"))
    assert [texts(one) for one in futures] == [["de:0"], ["de:1"], ["de:2"], ["de:3"]]
    assert stub.windows == [["first"], ["0", "1", "2", "3"]]


def test_where_lines_come_and_come_those_before_do_not_wait_for_all(made: Made) -> None:
    _, stub, give = made(pause=0.05)
    futures = [give("0")]
    stub.gate.set()
    for number in range(1, 60):
        time.sleep(0.005)
        futures.append(give(f"{number}"))
    assert [texts(one) for one in futures] == [[f"de:{number}"] for number in range(60)]
    assert len(stub.windows) > 2


def test_whoever_asks_alone_does_not_wait_for_others(made: Made) -> None:
    batcher, stub, give = made(pause=5.0)
    stub.gate.set()
    while not batcher._took:
        time.sleep(0.001)
    began = time.monotonic()
    assert texts(give("alone")) == ["de:alone"]
    assert time.monotonic() - began < 2.5


def test_nobody_is_waited_for_amid_a_file(made: Made) -> None:
    batcher, stub, give = made(pause=3.0)
    stub.gate.set()
    while not batcher._took:
        time.sleep(0.001)
    began = time.monotonic()
    assert len(texts(give(*numbered("l", 200)))) == 200
    assert time.monotonic() - began < 2.5
    assert [len(window) for window in stub.windows[1:]] == [64, 64, 64, 8]


def test_no_more_than_so_much_waits(made: Made) -> None:
    batcher, stub, give = made(most=10)
    give(*numbered("a", 6))
    with pytest.raises(Full, match="6 lines wait already"):
        give(*numbered("b", 5))
    assert batcher.lines_waiting == 6
    fits = give(*numbered("c", 4))
    stub.gate.set()
    assert len(texts(fits)) == 4
    # What is larger than all that may wait is taken where nothing waits.
    assert len(texts(give(*numbered("d", 30)))) == 30
    assert give().result(0) == []


def test_who_waits_too_long_is_told(made: Made) -> None:
    batcher, stub, give = made()
    late, soon = give("late", seconds=0.01), give("soon")
    time.sleep(0.02)
    stub.gate.set()
    assert texts(soon) == ["de:soon"]
    with pytest.raises(Late, match="longer than a request may take"):
        late.result(20)
    assert stub.windows == [["first"], ["soon"]]
    assert batcher.lines_waiting == 0


def test_what_is_given_up_is_not_begun_or_gone_on_with(made: Made) -> None:
    batcher, stub, give = made()
    given_up, long, stays = give("x"), give(*numbered("l", 200)), give("y")
    assert given_up.cancel()
    stub.gate.set()
    assert texts(stays) == ["de:y"]
    assert long.cancel() or long.done()
    texts(give("end"))
    assert all("x" not in window for window in stub.windows)
    assert batcher.lines_waiting == 0


def test_an_error_reaches_the_request_whose_line_it_was(made: Made) -> None:
    _, stub, give = made()
    good, bad, long, also_good = give("a"), give("b", POISON), give(POISON, *numbered("l", 100)), give("c")
    stub.gate.set()
    assert (texts(good), texts(also_good)) == (["de:a"], ["de:c"])
    for future in (bad, long):
        with pytest.raises(DataError, match="poisoned"):
            future.result(20)
    # What is left of a request that failed is not begun.
    assert texts(give("d")) == ["de:d"]
    assert not any("l99" in window for window in stub.windows)


def test_an_error_of_our_own_is_logged_and_the_queue_goes_on(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    _, stub, give = made()
    stub.gate.set()
    stub.multiplications = None  # type: ignore[assignment]
    with pytest.raises(TypeError):
        give("x").result(20)
    assert "translating failed" in caplog.text
    del stub.multiplications
    assert texts(give("y")) == ["de:y"]


def test_closing_ends_what_waits_and_takes_no_more(made: Made) -> None:
    batcher, stub, give = made()
    futures = [give(*numbered(name, 40)) for name in "abc"]
    closing = threading.Thread(target=batcher.close)
    closing.start()
    while not batcher._closing:
        time.sleep(0.001)
    with pytest.raises(Full, match="is being stopped"):
        give("late")
    stub.gate.set()
    closing.join(20)
    assert [len(one.result(0)) for one in futures] == [40, 40, 40]


def test_many_threads_each_get_their_own(made: Made) -> None:
    _, stub, give = made()
    stub.gate.set()
    wrong: list[str] = []

    def ask(name: str) -> None:
        for number in range(30):
            lines = [f"{name}.{number}.{place}" for place in range(number % 4 + 1)]
            if texts(give(*lines)) != [f"de:{line}" for line in lines]:
                wrong.append(name)

    threads = [threading.Thread(target=ask, args=(f"t{number}",)) for number in range(16)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert wrong == []
    assert sum(map(len, stub.windows)) == 1 + 16 * sum(number % 4 + 1 for number in range(30))
    assert len(stub.windows) < 16 * 30 / 2
