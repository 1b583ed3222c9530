"""Make a new model from helloworld: every file of it under the new name, and its entries in the lists.

    python dev.py new NAME

Nothing of another model changes; the lists are ``.vscode/launch.json`` and ``.env``.
"""

from __future__ import annotations

import keyword
import re
import shutil
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from pathlib import Path

from src.common.console import add_verbose, run_script
from src.common.errors import SettingsError
from src.common.files import atomic_write
from src.common.json_text import from_json, to_json
from src.common.models import model_names
from src.common.settings import PROJECT_ROOT, all_variables

TEMPLATE = "helloworld"
PLACES = (".", ".pipelines", "src", "ml_service", "test")
"""Where files of a model lie: in the first two themselves, in the others at any depth."""
LAUNCH = ".vscode/launch.json"
NAME = re.compile(r"[a-z][a-z0-9]{2,15}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    parser = ArgumentParser(prog="dev.py new", description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("name", help="the name of the model: 3 to 16 small letters and digits")
    add_verbose(parser)
    name = parser.parse_args(argv).name
    refuse_name(name, PROJECT_ROOT)
    made = make_model(name, PROJECT_ROOT)
    print(f"the model {name} is made of {TEMPLATE}: {len(made)} files, and its entries in {LAUNCH} and .env")
    print("next: git add --all (the rehearsal checks out what Git knows)")
    print(f"next: python ml_service/pipelines/{name}_training_pipeline.py; then change src/*/{name}/ and its tests")
    return 0


def refuse_name(name: str, root: Path) -> None:
    """Refuse a name that is none, or that clashes with what is there.

    Raises:
        SettingsError: It is such a name.
    """
    found = ""
    if not NAME.fullmatch(name) or keyword.iskeyword(name) or name in sys.stdlib_module_names:
        found = "a name that Python or Azure ML would not take, or takes for something else"
    elif any(name in known or known in name for known in model_names()):
        found = f"the models {', '.join(model_names())}: one name is in the other"
    elif clashing := [variable for variable in all_variables() if variable.startswith(f"{name.upper()}_")]:
        found = f"the setting {clashing[0]}, which would be its own"
    elif there := next(_named(name, root), None):
        found = f"{there.relative_to(root)}, which is there already"
    if found:
        raise SettingsError(
            f"no model can be called {name!r}",
            found=found,
            expected="3 to 16 small letters and digits, that begin with a letter and that nothing else is called",
        )


def make_model(name: str, root: Path) -> list[Path]:
    """Make the files of a model, and add it to the lists. Returns the new files.

    Args:
        name: Its name.
        root: The project's folder.

    Raises:
        SettingsError: Its files could not be laid out as the others are.
    """
    made = []
    for path in sorted(_named(TEMPLATE, root)):
        if path.is_file():
            target = root / _renamed(path.relative_to(root).as_posix(), name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(_renamed(path.read_text(encoding="utf-8"), name), encoding="utf-8")
            shutil.copymode(path, target)
            made.append(target)
    _add_to_launch_configurations(name, root)
    _lay_out([path for path in made if path.suffix == ".py"], root)
    # in a process of its own, which knows the new declaration
    subprocess.run([sys.executable, "-m", "src.common.env_writing"], cwd=root, check=True, stdout=subprocess.DEVNULL)
    return made


def _named(name: str, root: Path) -> Iterator[Path]:
    """The files and folders that are called by a model's name, with all that is in such folders."""
    for place in PLACES:
        pattern = "*" if place.startswith(".") else "**/*"
        for path in (root / place).glob(pattern):
            parts = path.relative_to(root).parts
            words = (word for part in parts for word in re.split(r"[^a-z0-9]", part))
            if name in words and "__pycache__" not in parts:
                yield path


def _renamed(text: str, name: str) -> str:
    for old, new in ((TEMPLATE, name), (TEMPLATE.capitalize(), name.capitalize()), (TEMPLATE.upper(), name.upper())):
        text = text.replace(old, new)
    return text


def _add_to_launch_configurations(name: str, root: Path) -> None:
    path = root / LAUNCH
    document = from_json(path.read_bytes())
    entries = document["configurations"]
    own = [from_json(_renamed(to_json(entry), name)) for entry in entries if TEMPLATE in to_json(entry)]
    document["configurations"] = [*entries, *own]
    atomic_write(path, to_json(document, indent=2) + "\n")


def _lay_out(files: Sequence[Path], root: Path) -> None:
    """Sort imports and wrap lines: both depend on how long the name is."""
    for command in (("check", "--fix", "--quiet"), ("format", "--quiet")):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *map(str, files)],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SettingsError(
                "the files of the new model break a rule of the checks",
                found=(done.stdout or done.stderr).strip().splitlines()[0],
                hint="correct it; python dev.py test names all",
            )


if __name__ == "__main__":
    sys.exit(run_script(main))
