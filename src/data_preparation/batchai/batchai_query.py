"""Ask a plant's database for its export: run the queries of each location, and write their files beside location.yml.

    python src/data_preparation/batchai/batchai_query.py [--location L]

Reads ``location.yml`` in the folders of ``BATCHAI_INPUT_URL``, where a table has a ``query``; the database is
``BATCHAI_DATABASE_URL``. Data preparation then reads the files like any other export.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[3])

from src.common.console import ALL, Stopwatch, add_verbose, chosen, format_table, run_script
from src.common.errors import DataError, SettingsError, did_you_mean, some_of
from src.common.settings import PROJECT_ROOT, load_settings
from src.settings.batchai.batchai_settings import BatchaiSettings

READS = ("database_url",)
"""The settings that the script reads, beside those that say where things lie."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--location", default=ALL, help="only this location")
    add_verbose(parser)
    arguments = parser.parse_args(argv)
    settings = load_settings(BatchaiSettings, READS)
    watch = Stopwatch()

    from src.common.sources.container_url import is_blob_url
    from src.data_preparation.batchai.location_description import DESCRIPTION_NAME, read_description
    from src.data_preparation.batchai.queries import connected, queried_tables, write_table

    if is_blob_url(settings.input_url):
        raise SettingsError(
            "queries write into a folder",
            where="BATCHAI_INPUT_URL",
            found="a container",
            expected="a folder with a folder for each location",
            hint="query into a folder, and upload it to the container",
        )
    source = PROJECT_ROOT / Path(settings.input_url).expanduser()
    folders = _folders(source, DESCRIPTION_NAME, chosen(arguments.location))
    described = [(folder, read_description(folder / DESCRIPTION_NAME, location=folder.name)) for folder in folders]
    wanted = [(folder, table) for folder, description in described for table in queried_tables(description)]
    if not wanted:
        raise DataError("no table has a query", where=source, hint="say query in location.yml (docs/location-yml.md)")
    if not settings.database_url:
        raise SettingsError(
            "there is no database to ask",
            where="BATCHAI_DATABASE_URL",
            expected="dialect+driver://user:password@host/database",
            hint="set it in .env.local, which git does not keep",
        )
    rows = []
    with connected(settings.database_url) as connection:
        for folder, table in wanted:
            path, count = write_table(connection, table, folder)
            rows.append((folder.name, path.relative_to(folder).as_posix(), count))
    print(format_table(("location", "file", "rows"), rows))
    print(f"queried in {watch.seconds:.1f} s: {source}")
    print("next: python src/data_preparation/batchai/batchai_datapreparation.py")
    return 0


def _folders(source: Path, description: str, location: str | None) -> list[Path]:
    """The folders of the locations that have a description."""
    found = sorted(path.parent for path in source.glob(f"*/{description}"))
    names = [folder.name for folder in found]
    if location is not None and location not in names:
        raise DataError(
            f"unknown location {location!r}{did_you_mean(location, names)}",
            where=source,
            found=some_of(names, most=12) or f"no folder with a {description}",
            hint="name one of these",
        )
    return [folder for folder in found if location in (None, folder.name)]


if __name__ == "__main__":
    sys.exit(run_script(main))
