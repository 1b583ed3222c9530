from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath, PureWindowsPath
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from src.common.errors import DataError
from src.common.paths import (
    MAX_NAME_BYTES,
    encode_key,
    group_name,
    group_of,
    original_name,
    refuse_look_alikes,
    safe_relative_path,
)

UNICODE = st.characters(exclude_categories=["Cs"])
NASTY = st.sampled_from(
    [
        "..",
        ".",
        "/",
        "//",
        "\\",
        "%",
        "%2E",
        "%2e",
        "con",
        "NUL",
        "aux.csv",
        "COM1",
        " ",
        "~",
        ":",
        "=",
        "location=",
        "\0",
    ]
)
TEXTS = st.text(UNICODE, max_size=12) | st.lists(NASTY | st.text(UNICODE, max_size=2), max_size=6).map("".join)
KEYS = TEXTS.filter(bool)
DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\..*)?", re.IGNORECASE)
REFUSED_BY_WINDOWS = re.compile(r'[<>:"\\|?*\x00-\x1f]')
HOSTILE = [
    "../../etc/passwd",
    "/etc/passwd",
    "a/../../b",
    "..\\..\\b",
    "C:\\b",
    "C:b",
    "~/b",
    "a/./b",
    ".",
    "..",
    "...",
]


def assert_safe_part(part: str) -> None:
    assert part not in {"", ".", ".."}
    assert not part.startswith((".", "~/"))
    assert not part.endswith((".", " "))
    assert not REFUSED_BY_WINDOWS.search(part)
    assert not DEVICE.fullmatch(part)
    assert len(part.encode()) <= MAX_NAME_BYTES + len("product_id=")


def assert_inside(path: str) -> None:
    assert not PurePosixPath(path).is_absolute()
    windows = PureWindowsPath(path)
    assert not windows.drive
    assert not windows.root
    root = Path("root").resolve()
    assert root in Path(os.path.normpath(root / path)).parents
    for part in path.split("/"):
        assert_safe_part(part)


@given(KEYS, KEYS)
@example("..", "../..")
@example("NA", "007")
def test_a_group_s_folder_is_inside_and_reversible(location: str, product: str) -> None:
    name = group_name(location, product)
    assert_inside(name)
    assert name.count("/") == 1
    assert name.count("=") == 2
    assert name.isascii()
    assert group_of(Path("anywhere", name)) == (location, product)


@given(KEYS)
def test_an_encoded_key_has_only_letters_that_every_system_takes(value: str) -> None:
    assert re.fullmatch(r"([A-Za-z0-9_-]|%[0-9A-F]{2})+", encode_key(value))


@given(KEYS, KEYS)
@example("a.b", "a%2Eb")
@example("%", "%25")
def test_two_keys_never_share_a_folder(one: str, other: str) -> None:
    assert (encode_key(one) == encode_key(other)) == (one == other)


@pytest.mark.parametrize("value", ["", "x" * (MAX_NAME_BYTES + 1), "ü" * (MAX_NAME_BYTES // 6 + 1), "\ud800"])
def test_a_key_that_can_not_be_a_folder_is_refused(value: str) -> None:
    with pytest.raises(DataError, match="can't be used"):
        encode_key(value)


def test_a_key_of_the_greatest_length_is_taken() -> None:
    assert encode_key("x" * MAX_NAME_BYTES) == "x" * MAX_NAME_BYTES


@pytest.mark.parametrize(
    "path", ["", "plant", "location=a", "product_id=7", "location=a/7", "a/product_id=7", "product_id=7/location=a"]
)
def test_what_is_no_group_s_folder_is_refused(path: str) -> None:
    with pytest.raises(DataError, match="not the folder of a group"):
        group_of(Path(path))


def test_a_folder_name_that_is_no_text_is_refused() -> None:
    with pytest.raises(DataError, match="folder of a group"):
        group_of(Path("location=a/product_id=%FF"))


@given(TEXTS)
@example("a/../b.csv")
@example("a//b")
@example("/a")
@example("a/")
@example("%/%25")
@example("x. . .")
@example("CON.csv")
@example("com1 .csv/CONIN$")
@example("ü/x y.csv")
def test_a_safe_path_is_inside_and_reversible(name: str) -> None:
    path = safe_relative_path(name)
    assert_inside(path)
    assert original_name(path) == name
    assert path.count("/") == name.count("/")


@given(TEXTS, TEXTS)
@example("a//b", "a/%/b")
@example("a", "a.")
@example(".a", "%2Ea")
def test_two_names_never_share_a_safe_path(one: str, other: str) -> None:
    assert (safe_relative_path(one) == safe_relative_path(other)) == (one == other)


@pytest.mark.parametrize("name", ["plant/batches.csv", "plant/location.yml", "a b/c-d_e (1).csv", "x+y,z;w=1@2#3.csv"])
def test_ordinary_names_stay_as_they_are(name: str) -> None:
    assert safe_relative_path(name) == name


@pytest.mark.parametrize("name", HOSTILE)
def test_no_hostile_name_leaves_the_root(name: str) -> None:
    assert_inside(safe_relative_path(name))
    assert_inside(group_name(name, name))


@given(st.lists(TEXTS, max_size=3))
def test_the_file_system_gives_back_the_name_it_was_given(names: list[str]) -> None:
    for name in names:
        with TemporaryDirectory() as root:
            path = Path(root, safe_relative_path(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            (found,) = (entry for entry in Path(root).rglob("*") if entry.is_file())
            assert original_name(found.relative_to(root).as_posix()) == name


@pytest.mark.parametrize("name", ["x" * (MAX_NAME_BYTES + 1), "a/" + ":" * MAX_NAME_BYTES + "/b.csv"])
def test_a_name_that_is_too_long_is_refused(name: str) -> None:
    with pytest.raises(DataError, match=f"too long for a file(.|\n)*at most {MAX_NAME_BYTES}"):
        safe_relative_path(name)


def test_a_name_that_is_no_text_is_refused() -> None:
    with pytest.raises(DataError, match="can't be used"):
        safe_relative_path("plant/\udcff.csv")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("P1", "p1"),
        ("STRASSE", "straße"),
        ("caf\u00e9", "cafe\u0301"),
        ("Caf\u00e9", "CAFE\u0301"),
        ("\u212b", "\u00e5"),
    ],
)
def test_look_alikes_are_refused_with_both_names(one: str, other: str) -> None:
    with pytest.raises(DataError, match="two product ids differ only in case") as caught:
        refuse_look_alikes(["x", one, "y", other], what="product ids", where="groups.csv")
    assert repr(one) in str(caught.value)
    assert repr(other) in str(caught.value)
    assert "groups.csv" in str(caught.value)


def test_the_same_name_twice_is_no_look_alike() -> None:
    refuse_look_alikes(["a", "b", "a", "7", "07", "007"], what="ids", where="here")


@given(st.lists(TEXTS, max_size=6, unique=True))
def test_what_is_not_refused_is_still_distinct_in_lower_case(names: list[str]) -> None:
    try:
        refuse_look_alikes(names, what="names", where="here")
    except DataError:
        assert len(names) > 1
    else:
        assert len({name.lower() for name in names}) == len(names)
        assert len({name.upper() for name in names}) == len(names)


@pytest.mark.parametrize("name", ["Köln/März.csv", "工場/バッチ.csv", "Škoda 2/žito.csv"])
def test_letters_of_all_languages_stay(name: str) -> None:
    assert safe_relative_path(name) == name
    assert original_name(name) == name


def test_a_decomposed_letter_is_encoded_since_a_file_system_may_compose_it() -> None:
    assert safe_relative_path("Ko\u0308ln") == "Ko%CC%88ln"
    assert original_name("Ko%CC%88ln") == "Ko\u0308ln"


def test_the_word_of_hive_for_a_missing_value_is_no_id() -> None:
    with pytest.raises(DataError, match="an id can't be used as a folder's name"):
        encode_key("__HIVE_DEFAULT_PARTITION__")


def test_readers_of_hive_style_folders_read_the_ids_back(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import dataset

    ids = ["007", "NA", "null", "1.0", "../x", "a%2Fb", "a/b", "ä b", " ", "_x", ".x", "x=y", "CON", "None", "%"]
    for value in ids:
        folder = tmp_path / group_name("plant 1", value)
        folder.mkdir(parents=True)
        (folder / "data.csv").write_text("batch_id\n1\n", encoding="utf-8")
    keys = pyarrow.schema([("location", pyarrow.string()), ("product_id", pyarrow.string())])
    partitioning = dataset.partitioning(keys, flavor="hive")
    table = dataset.dataset(tmp_path, format="csv", partitioning=partitioning).to_table()
    assert sorted(table.column("product_id").to_pylist()) == sorted(ids)
    assert set(table.column("location").to_pylist()) == {"plant 1"}
