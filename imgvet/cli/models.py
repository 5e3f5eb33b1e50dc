"""The commands ``imgvet models list | pull | path``."""

from __future__ import annotations

import argparse

from imgvet.engine.progress import shown_progress
from imgvet.errors import InvalidParameterError, ModelError
from imgvet.format import size_text, table_text
from imgvet.models import registry
from imgvet.models.file import FOLDER_VARIABLE, model_folder
from imgvet.models.model import BUILTIN_NAME, ModelCard, builtin_model
from imgvet.models.resolve import fetched, names_to_choose


def list_(options: argparse.Namespace) -> None:  # noqa: ARG001
    """Print a table of the models that are known by name."""
    builtin, purpose = builtin_model(), "near duplicates; fast on any processor"
    size = size_text(builtin.path.stat().st_size)
    rows = [("NAME", "WIDTH", "INPUT", "SIZE", "LICENCE", "HERE", "GOOD FOR")]
    rows.append((BUILTIN_NAME, *_told(builtin.card, size), "yes", purpose))
    for model in registry.KNOWN.values():
        here = "yes" if model.is_checked else "unchecked" if model.path.is_file() else "no"
        rows.append((model.name, *_told(model.card, size_text(model.size)), here, model.purpose))
    print(table_text(rows, "<>>><<<"))
    print(
        f"\nDownloaded models are kept in {model_folder()} ({FOLDER_VARIABLE} names another "
        "folder).\n'imgvet models pull NAME' downloads one, 'imgvet run PHOTOS --model-path NAME' "
        "uses it;\nan .onnx or .ort file can be given instead of a name."
    )


def _told(card: ModelCard, size: str) -> tuple[str, str, str, str]:
    return str(card.width), str(card.input_size), size, card.licence


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
