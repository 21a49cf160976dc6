"""Kind and version of a file: older ones pass, newer and other ones are named."""

import pytest

from mtkit.errors import BundleError, DataError
from mtkit.store.format import Format
from mtkit.version import __version__

OURS = Format("bundle", 4, 2, kinds=("trained", "exported"))
CORPUS = Format("corpus", 2, error=DataError)


def test_what_is_written_is_read() -> None:
    assert CORPUS.check(CORPUS.head(), "x") == 2
    assert OURS.check(OURS.head("exported"), "x") == 4
    assert OURS.head("trained") == {"kind": "trained", "format_version": 4, "mtkit_version": __version__}


def test_older_files_pass_with_and_without_a_kind() -> None:
    assert OURS.check({"format_version": 2}, "x") == 2
    assert CORPUS.check({}, "x", unversioned=1) == 1


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"format_version": 9}, r"of bundle format 9, this mtkit .* reads 2 to 4; use the mtkit that wrote it$"),
        ({"kind": "trained", "format_version": 9, "mtkit_version": "7.0"}, "format 9, .* 2 to 4; .* wrote it, 7.0$"),
        ({"format_version": 1}, "of bundle format 1, this mtkit .* reads 2 to 4"),
        ({"kind": "corpus", "format_version": 2}, 'is a "corpus" of format 2; expected a bundle of format 2 to 4'),
        ({"kind": "trained"}, "its format_version is null, expected a number"),
        ({"format_version": True}, "its format_version is true, expected a number"),
        ([], "holds no JSON table"),
    ],
)
def test_others_are_refused_by_name(table: object, says: str) -> None:
    with pytest.raises(BundleError, match=says) as caught:
        OURS.check(table, "here/config.json")
    assert str(caught.value).startswith("here/config.json is ")
    assert "\n" not in str(caught.value)


def test_the_error_is_the_kind_s_own() -> None:
    with pytest.raises(DataError, match="of corpus format 3, this mtkit .* reads 1 to 2"):
        CORPUS.check({"kind": "corpus", "format_version": 3}, "x")
