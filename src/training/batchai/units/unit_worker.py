"""Does units of work for an entry script of a ParallelRunStep, and for the same script run by hand.

In Azure ML the service calls `run` with the path of one planned unit at a time, anywhere on the cluster, and what is
written lies in a mounted folder: so a file is written in one go under its name, and a second try writes it again. By
hand, all planned units are done one after the other, and the folder is committed as a whole.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from src.common.committed_folder import replace_folder
from src.common.console import Stopwatch, add_verbose, progress
from src.common.settings import load_settings
from src.data_preparation.batchai.prepared_data import PreparedFolder
from src.settings.batchai.batchai_settings import BatchaiSettings
from src.training.batchai.units.unit_files import is_planned, read_planned, read_work
from src.training.batchai.units.work_units import WorkUnit

Work = Callable[[PreparedFolder, WorkUnit], "bytes | None"]
"""Makes the bytes of a unit's file; None where there is nothing to do."""


@dataclass(frozen=True)
class UnitWorker:
    """Does units of work, and writes what they give.

    Attributes:
        work: Does a unit.
        output: Where the files go.
        prepared: The prepared data.
    """

    work: Work
    output: Path
    prepared: PreparedFolder

    def run(self, mini_batch: Sequence[str]) -> list[str]:
        """Do the units of a mini-batch.

        Args:
            mini_batch: Paths of planned units; the manifest beside them is passed over.

        Returns:
            A line for each path.
        """
        for path in map(Path, mini_batch):
            if is_planned(path):
                unit = read_planned(path)
                content = self.work(self.prepared, unit)
                if content is not None:
                    self.output.mkdir(parents=True, exist_ok=True)
                    (self.output / unit.file_name).write_bytes(content)
        return [Path(name).name for name in mini_batch]

    def run_all(self, work_folder: Path, *, kind: str) -> None:
        """Do all planned units, and commit the folder as one of this kind."""
        watch = Stopwatch()
        units = read_work(work_folder)
        with replace_folder(self.output, kind=kind) as staged, progress(kind, total=len(units), unit="units") as bar:
            for unit in units:
                content = self.work(self.prepared, unit)
                if content is not None:
                    staged.write(unit.file_name, content)
                bar.advance()
        print(f"{kind}: {len(units)} units in {watch.seconds:.1f} s: {self.output}")


@dataclass
class UnitScript:
    """An entry script: its functions `init` and `run` for the service, and `main` for people.

    Attributes:
        documentation: The script's docstring.
        kind: The kind of the files it writes.
        folders: Its folders beside the prepared data, by argument, with their help; the last is where it writes.
        work: Makes what does a unit, from the arguments and the settings.
        reads: The settings that it reads.
    """

    documentation: str | None
    kind: str
    folders: Mapping[str, str]
    work: Callable[[Namespace, BatchaiSettings], Work]
    reads: tuple[str, ...]
    _workers: list[UnitWorker] = field(default_factory=list)

    def init(self) -> None:
        """Make ready for units of work; the service calls it once per process.

        Raises:
            DataError: There is no prepared data.
        """
        arguments, _ = self._parser().parse_known_args()  # the service adds arguments of its own
        self._workers[:] = [self._worker(arguments)]

    def run(self, mini_batch: list[str]) -> list[str]:
        """Do some units of work.

        Args:
            mini_batch: Paths of planned units.

        Returns:
            A line for each path.
        """
        return self._workers[0].run(mini_batch)

    def main(self, argv: Sequence[str] | None = None) -> int:
        """Do all planned units here. Returns the script's exit code."""
        parser = self._parser()
        arguments = parser.parse_args(argv)
        if arguments.work_folder is None:
            parser.error("--work_folder is needed: the folder that batchai_training_plan.py wrote")
        self._worker(arguments).run_all(arguments.work_folder, kind=self.kind)
        return 0

    def _parser(self) -> ArgumentParser:
        parser = ArgumentParser(description=(self.documentation or "").split("\n", maxsplit=1)[0], allow_abbrev=False)
        parser.add_argument(
            "--work_folder", type=Path, help="the planned units, where no service gives them one by one"
        )
        parser.add_argument("--prepared_folder", type=Path, help="the prepared data (DATAPREP_OUTPUTS_DIR)")
        for name, text in self.folders.items():
            parser.add_argument(f"--{name}", type=Path, required=True, help=text)
        add_verbose(parser)
        return parser

    def _worker(self, arguments: Namespace) -> UnitWorker:
        settings = load_settings(BatchaiSettings, self.reads)
        prepared = PreparedFolder.open(arguments.prepared_folder or settings.prepared_folder)
        output: Path = getattr(arguments, list(self.folders)[-1])
        return UnitWorker(self.work(arguments, settings), output, prepared)
