"""The commands ``imgvet models list | pull | path``."""

from __future__ import annotations

import argparse

from imgvet.engine.progress import shown_progress
from imgvet.errors import InvalidParameterError, ModelError
from imgvet.format import size_text, table_text
from imgvet.models import registry
from imgvet.models.file import FOLDER_VARIABLE, model_folder
from imgvet.models.model import BUILTIN_NAME, builtin_model
from imgvet.models.resolve import fetched, names_to_choose


def list_(options: argparse.Namespace) -> None:  # noqa: ARG001
    """Print a table of the models that are known by name."""
    builtin = builtin_model()
    size, purpose = builtin.path.stat().st_size, "near duplicates; fast on any processor"
    found = [(BUILTIN_NAME, builtin.card, size, "yes", purpose)]
    for model in registry.KNOWN.values():
        here = "yes" if model.is_checked else "unchecked" if model.path.is_file() else "no"
        found.append((model.name, model.card, model.size, here, model.purpose))
    rows = [("NAME", "WIDTH", "INPUT", "SIZE", "LICENCE", "HERE", "GOOD FOR")]
    for name, card, size, here, purpose in found:
        widths = str(card.width), str(card.input_size)
        rows.append((name, *widths, size_text(size), card.licence, here, purpose))
    print(table_text(rows, "<>>><<<"))
    print(
        f"\nDownloaded models are kept in {model_folder()} ({FOLDER_VARIABLE} names another "
        "folder).\n'imgvet models pull NAME' downloads one, 'imgvet run PHOTOS --model-path NAME' "
        "uses it;\nan .onnx or .ort file can be given instead of a name."
    )


def pull(options: argparse.Namespace) -> None:
    """Download models, and try each on one picture."""
    for model in [_known(name) for name in options.names]:
        if model is None:
            print("built-in: is inside the package, there is nothing to download")
            continue
        with shown_progress():
            ready = fetched(model)
        origin = "as published" if model.sha256 else "recorded at the first download"
        print(f"{model.name}: {ready.path}, sha256 {ready.card.sha256} ({origin})")


def path(options: argparse.Namespace) -> None:
    """Print the path of a model's file, or of the folder of models."""
    if options.name is None:
        print(model_folder())
        return
    model = _known(options.name)
    file = builtin_model().path if model is None else model.path
    if not file.is_file():
        raise ModelError(
            f"The model {options.name} is not downloaded",
            f"'imgvet models pull {options.name}' downloads it to {file}",
        )
    print(file)


def _known(name: str) -> registry.KnownModel | None:
    """The model of that name; None for the built-in one."""
    if name not in registry.NAMES:
        raise InvalidParameterError(f"Unknown model {name!r}", names_to_choose(name))
    return registry.KNOWN.get(name)
