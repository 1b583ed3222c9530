"""``.env``, written from what the platform and the models declare.

python -m src.common.env_writing
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from dataclasses import fields

from src.common.console import run_script
from src.common.files import atomic_write
from src.common.models import declared_settings
from src.common.settings import PROJECT_ROOT, Settings

WIDTH = 118
HEAD = """# Every variable of the project, with a working default. No secret belongs in this file, which git keeps.
# Your own values go into .env.local beside it (ignored by git), which overrides this file; the environment of the
# process overrides both. Relative paths start at this folder. Lines are NAME=value; a # after a blank starts a comment.
# Written from the declarations in src/common/platform_settings.py and src/settings/: python dev.py settings
"""


def env_text() -> str:
    """The whole file."""
    platform = [*_lines(Settings, skip=0)]
    models = [line for declared in declared_settings() for line in _lines(declared, skip=len(fields(Settings)))]
    return "\n".join([HEAD, *platform, *models]) + "\n"


def _lines(declared: type[Settings], *, skip: int) -> Iterator[str]:
    """The lines of a class of settings, without the first fields, which are those of the platform."""
    section = "" if declared is Settings else f"Model {declared.model}"
    for item in fields(declared)[skip:]:
        section = item.metadata["section"] or section
        if section:
            yield f"\n# --- {section} ".ljust(116, "-")
        section = ""
        for line in item.metadata["meaning"].splitlines():
            yield from textwrap.wrap(line, WIDTH, initial_indent="# ", subsequent_indent="# ")
        yield f"{item.metadata['variable']}={item.metadata['default']}"


def main() -> int:
    """Write the file. Returns the exit code."""
    atomic_write(PROJECT_ROOT / ".env", env_text())
    print(f"written: {PROJECT_ROOT / '.env'}")
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main))
