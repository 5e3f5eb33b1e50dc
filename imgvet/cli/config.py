"""Config files: parameters by name, and a table ``[checks]`` with the limits of the checks."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from imgvet.errors import ConfigFileError


def read_config(path: Path | None) -> dict[str, Any]:
    """The parameters in a TOML file; names may be written with dashes or underscores.

    Raises:
        ConfigFileError: it can't be read or is not TOML.
    """
    if path is None:
        return {}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigFileError(
            f"The config file {path} can't be read ({error.strerror})", "Check its path"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigFileError(
            f"The config file {path} is not TOML ({error})", "Correct that place"
        ) from None
    return {name.replace("-", "_"): value for name, value in values.items()}
