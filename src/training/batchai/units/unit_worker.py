"""Does units of work for an entry script of a ParallelRunStep, and for the same script run by hand.

In Azure ML the service calls `run` with the path of one planned unit at a time, anywhere on the cluster, and what is
written lies in a mounted folder: so a file is written in one go under its name, and a second try writes it again. By
hand, all planned units are done one after the other, and the folder is committed as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from src.common.committed_folder import replace_folder
from src.common.console import Stopwatch, progress
from src.data_preparation.batchai.prepared_data import PreparedFolder
from src.training.batchai.units.unit_files import is_planned, read_planned, read_work
from src.training.batchai.units.work_units import WorkUnit


@dataclass(frozen=True)
class UnitWorker:
    """Does units of work, and writes what they give.

    Attributes:
        work: Makes the bytes of a unit's file; None where there is nothing to do.
        output: Where the files go.
        prepared: The prepared data.
    """

    work: Callable[[PreparedFolder, WorkUnit], bytes | None]
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
