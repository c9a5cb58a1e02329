"""Has the portal's scripts built before they are packed into a wheel."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class FrontendHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs `scripts/frontend`. An editable install leaves that to `make`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before the wheel is made."""
        root = Path(self.root)
        if version != "editable" and (root / "frontend").is_dir():
            environment = {**os.environ, "PYTHON": sys.executable}
            subprocess.run([root / "scripts" / "frontend"], check=True, env=environment)  # noqa: S603
