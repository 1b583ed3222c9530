"""A pipeline is declared once, as data: DEV runs the declaration here, PROD builds an Azure ML pipeline from it.

Wrong wiring fails when it is declared, with the names that would have fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from src.common.errors import SettingsError, did_you_mean
from src.common.settings import PROJECT_ROOT, Settings


@dataclass(frozen=True)
class Parameter:
    """What may be chosen when the pipeline is started.

    Attributes:
        name: Its name on the command line, and that of the PipelineParameter in Azure ML.
        description: For the help text.
        default: Its value when nobody chooses.
    """

    name: str
    description: str
    default: str


@dataclass(frozen=True)
class Source:
    """Data from outside: a folder or a container in DEV, a dataset of the workspace in PROD.

    Attributes:
        name: Its name in the picture of the pipeline, and that of the dataset.
        setting: The field of `Settings` that names it in DEV.
        dataset: The field of `Settings` that names the dataset in PROD.
        datastore_path: The field of `Settings` with what the dataset is made of, if there is none of this name.
        version: The name of the parameter that names the data's content: Azure ML takes an earlier result of a step
            when its arguments are the same, whatever the files of a dataset hold by now.
    """

    name: str
    setting: str
    dataset: str = ""
    datastore_path: str = ""
    version: str = ""


@dataclass(frozen=True)
class Folder:
    """A folder that a step writes and later steps read.

    Attributes:
        name: Its name in the picture of the pipeline.
        setting: The field of `Settings` with the folder that it lies in, in DEV.
        below: Its path below that folder.
        committed: Whether it has a manifest (see `src.common.committed_folder`); without one it is a working copy that
            may be missing, and that stays with its step.
        dataset: The field of `Settings` with the name under which it is registered as a dataset in PROD; empty for no.
        tables: Files in it that the record of a run keeps.
        copied: Files in it that its step also puts beside it in DEV, for people to find.
    """

    name: str
    setting: str
    below: str = ""
    committed: bool = True
    dataset: str = ""
    tables: tuple[str, ...] = ()
    copied: tuple[str, ...] = ()

    def path(self, settings: Settings) -> Path:
        """Where it lies in DEV."""
        root: Path = getattr(settings, self.setting)
        return root / self.below if self.below else root


@dataclass(frozen=True)
class Spread:
    """How a step is spread over the nodes of a cluster in PROD: each file of one of its inputs is a unit of work.

    In DEV the script runs once, as it is, and does all units. In PROD its `init` is called once per process, and
    `run` with a list of one file for each unit, anywhere on the cluster. Its one output is then a folder without a
    manifest, into which all processes write.

    Attributes:
        over: The argument of the input. In PROD the script is not given it: `run` gets the files.
        nodes: The field of `Settings` with the number of nodes.
    """

    over: str
    nodes: str


@dataclass(frozen=True)
class Step:
    """A script with its inputs, outputs and arguments. Which settings it reads stands in the script: ``READS``.

    Attributes:
        name: What people call it.
        script: Its path from the project's root, with forward slashes.
        inputs: Argument of the script → what it reads.
        outputs: Argument of the script → the folder it writes.
        parameters: Argument of the script → the parameter it is given.
        files: Patterns of data files in the repository that the script reads.
        registry: Whether it reads or changes the model registry, too: then Azure ML may not take an earlier result.
        spread: How it is spread over nodes in PROD; None for one node.
    """

    name: str
    script: str
    inputs: Mapping[str, Source | Folder] = field(default_factory=dict)
    outputs: Mapping[str, Folder] = field(default_factory=dict)
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    registry: bool = False
    spread: Spread | None = None

    def arguments(self, place: Callable[[Source | Folder], str], value: Callable[[Parameter], str]) -> list[str]:
        """The script's arguments, the same in DEV and PROD but for where things lie.

        Args:
            place: Says where an input or output lies.
            value: Says what a parameter was set to.
        """
        given = {
            **{name: place(what) for name, what in self.inputs.items()},
            **{name: place(what) for name, what in self.outputs.items()},
            **{name: value(what) for name, what in self.parameters.items()},
        }
        return [text for name, content in given.items() for text in (f"--{name}", content)]


@dataclass(frozen=True)
class Pipeline:
    """Steps in the order in which they run: a step may read what earlier ones write.

    Attributes:
        name: Its name, that of its script without ``_pipeline.py``.
        steps: The steps.
        settings: The class of the model's settings.
        root: The project's folder.

    Raises:
        SettingsError: The wiring is wrong.
    """

    name: str
    steps: tuple[Step, ...]
    settings: type[Settings]
    root: Path = PROJECT_ROOT

    def __post_init__(self) -> None:
        problems = [] if self.steps else ["there are no steps"]
        names = [step.name for step in self.steps]
        problems += [f"two steps are called {name!r}" for name in _twice(names)]
        parameters = [parameter.name for parameter in self.parameters]
        problems += [f"two different parameters are called {name!r}" for name in _twice(parameters)]
        written: dict[Folder, str] = {}
        writers: dict[tuple[str, str], str] = {}
        for step in self.steps:
            problems += _problems_of(step, written, self)
            for folder in step.outputs.values():
                place = (folder.setting, folder.below)
                if place in writers:
                    problems.append(f"{step.name}: {folder.name!r} is written by {writers[place]!r} already")
                written[folder] = writers[place] = step.name
        if problems:
            raise SettingsError("\n".join(problems), where=f"the declaration of the pipeline {self.name!r}")

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Every parameter of any step, once."""
        return tuple(dict.fromkeys(parameter for step in self.steps for parameter in step.parameters.values()))

    def step(self, name: str) -> Step:
        """A step by its name.

        Raises:
            SettingsError: There is none of that name.
        """
        for step in self.steps:
            if step.name == name:
                return step
        known = [step.name for step in self.steps]
        raise SettingsError(
            f"the pipeline {self.name} has no step {name!r}{did_you_mean(name, known)}", expected=", ".join(known)
        )


def _problems_of(step: Step, written: Mapping[Folder, str], pipeline: Pipeline) -> list[str]:
    """What is wrong with one step, given the folders that earlier steps write."""
    problems = []
    if not (pipeline.root / step.script).is_file():
        problems.append(f"{step.name}: there is no script {step.script}")
    known = {folder.name for folder in written}
    for argument, what in step.inputs.items():
        if isinstance(what, Folder) and what not in written:
            hint = did_you_mean(what.name, known) or f"; written are {', '.join(sorted(known)) or 'none'}"
            problems.append(f"{step.name}: --{argument} reads {what.name!r}, which no earlier step writes{hint}")
    arguments = [*step.inputs, *step.outputs, *step.parameters]
    problems += [f"{step.name}: the argument --{name} is given twice" for name in _twice(arguments)]
    fields = list(pipeline.settings.__dataclass_fields__)
    folders = [*step.inputs.values(), *step.outputs.values()]
    named = [what.dataset for what in folders] + [what.datastore_path for what in folders if isinstance(what, Source)]
    used = [*(what.setting for what in folders), *filter(None, named)]
    problems += [
        f"{step.name}: there is no setting {name!r}{did_you_mean(name, fields)}"
        for name in dict.fromkeys(used)
        if name not in fields
    ]
    return problems + (_problems_of_spread(step, step.spread, pipeline.settings) if step.spread else [])


def _problems_of_spread(step: Step, spread: Spread, settings: type[Settings]) -> list[str]:
    """What is wrong with how a step is spread."""
    problems = []
    over = step.inputs.get(spread.over)
    if over is None:
        hint = did_you_mean(spread.over, list(step.inputs)) or f"; its inputs are {', '.join(step.inputs) or 'none'}"
        problems.append(f"{step.name}: it is spread over --{spread.over}, which is no input of it{hint}")
    elif not isinstance(over, Folder) or not over.committed:
        problems.append(f"{step.name}: it is spread over {over.name!r}, which is no folder that a step commits")
    numbers = [name for name, item in settings.__dataclass_fields__.items() if item.type == "int"]
    if spread.nodes not in numbers:
        hint = did_you_mean(spread.nodes, numbers)
        problems.append(f"{step.name}: its number of nodes, {spread.nodes!r}, is no setting with a whole number{hint}")
    if len(step.outputs) != 1:
        problems.append(f"{step.name}: it is spread, and writes {len(step.outputs)} folders; expected is one")
    return problems


def _twice(names: Sequence[str]) -> list[str]:
    """The names that stand there more than once, in their order."""
    return [name for name in dict.fromkeys(names) if names.count(name) > 1]


def mermaid(pipeline: Pipeline) -> str:
    """Draw the pipeline as a Mermaid flowchart: steps as boxes, folders as cylinders."""
    nodes: list[str] = []
    arrows: list[str] = []
    ids: dict[Source | Folder, str] = {}

    def data(what: Source | Folder) -> str:
        if what not in ids:
            ids[what] = f"data{len(ids) + 1}"
            nodes.append(f'    {ids[what]}[("{_quoted(what.name)}")]')
        return ids[what]

    for number, step in enumerate(pipeline.steps, start=1):
        nodes.append(f'    step{number}["{_quoted(step.name)}<br/>{_quoted(step.script)}"]')
        arrows += [f"    {data(what)} --> step{number}" for what in step.inputs.values()]
        arrows += [f"    step{number} --> {data(folder)}" for folder in step.outputs.values()]
    return "\n".join(["flowchart LR", *nodes, *arrows])


def _quoted(text: str) -> str:
    return text.replace('"', "#quot;")
