"""Whatever stands in a description or an export: it is prepared, or its problems are named. Never a bug of ours."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from src.data_preparation.batchai.location_runs import prepare_locations
from src.data_preparation.batchai.prepared_data import PreparedFolder

KEYS = [
    *("tables", "batch_id", "product_id", "product", "features", "never_features", "targets", "order_by", "derived"),
    *("normalise", "values", "categories", "censored", "adjustable", "per_volume", "max_missing", "repeated_rows"),
    *("cross_validate_by", "shared_batches", "strict", "accept_warnings", "extends", "file", "delimiter", "decimal"),
    *("encoding", "missing", "join_on", "aggregate", "pivot", "columns", "thousands", "suffixes", "rule", "column"),
    *("format", "zone", "month_names", "plausible", "unit", "by", "base", "rare", "a", "b", "x", "y", "t"),
]
TEXTS = (
    "* ? b.csv , ; . %Y number %z mean null no .nan -.inf 1e400 0 -1 1.5 007 2024-13-01 utf-16 log(x) x/y ` x**x [ {}"
)
SCALARS = st.sampled_from([*KEYS, *TEXTS.split(), "", "' '", "0x" + "f" * 90])
NODES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3).map(
            lambda items: "{" + ", ".join(f"{key}: {value}" for key, value in items.items()) + "}"
        )
    ),
    max_leaves=6,
)
BASE = {
    "tables": "[{file: b.csv}]",
    "batch_id": "a",
    "product_id": "b",
    "features": "[x]",
    "targets": "{y: {}}",
}
CELLS = st.sampled_from(
    [
        *["1", "2", "2.5", "-3", "B1", "B2", "inf", "nan", "1e300", "<1", "1,5", "\u200bB1", "µ", "μ", '"', "'", "p"],
        "",
        "\x00",
    ]
)
ROWS = st.lists(st.lists(CELLS, min_size=5, max_size=5), max_size=6)


def check(description: str, export: str) -> None:
    with TemporaryDirectory() as folder:
        plant = Path(folder, "plant")
        plant.mkdir()
        (plant / "location.yml").write_text(description, encoding="utf-8")
        (plant / "b.csv").write_text(export, encoding="utf-8")
        run = prepare_locations({"plant": plant}, Path(folder, "prepared"), min_batches=2)
        for error in run.failed.get("plant", ()):
            assert error.exit_code in {2, 3}, error
            assert len(str(error).splitlines()) <= 8
        if run.done:
            assert PreparedFolder.open(Path(folder, "prepared")).read("plant").groups


GOOD_ROWS = "a,b,x,y,t\n" + "".join(f"B{n},p,{n * n % 7},{n},2024-01-{n:02d}\n" for n in range(1, 9))


@settings(max_examples=150, deadline=None)  # the first call loads pandas
@given(st.dictionaries(st.sampled_from(KEYS[:22]), NODES, max_size=3))
def test_any_description(changes: dict[str, str]) -> None:
    check("\n".join(f"{key}: {value}" for key, value in {**BASE, **changes}.items()), GOOD_ROWS)


MORE = ["", "categories: {t: {rare: 1}}\nmax_missing: 1\n", "repeated_rows: true\nderived: {d: 1/x}\n"]


@settings(max_examples=100, deadline=None)
@given(ROWS, st.sampled_from(MORE))
def test_any_export(rows: list[list[str]], more: str) -> None:
    description = "\n".join(f"{key}: {value}" for key, value in BASE.items())
    check(f"{description}\n{more}", "\n".join(["a,b,x,y,t", *(",".join(row) for row in rows)]))
