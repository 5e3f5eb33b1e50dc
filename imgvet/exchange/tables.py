"""Exports without pictures: a table of the images, and CSV files that spreadsheets can be given."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa

from imgvet.exchange.selection import Selection, source_names
from imgvet.tables import BOX_COLUMNS, CORNER_COLUMNS, CROPS, write_table

_FIRST = ("filename", "label", "split")
_NOT_TOLD = ("status", "detail", "embedding_row", *_FIRST)


def image_table(selection: Selection, *, is_cut: bool) -> pd.DataFrame:
    """A row for each chosen image: name, label, split, and all that the run's tables say of any.

    A crop is its picture and a box, so that ``--annotations`` takes the table; ``crop`` names it.
    """
    images, items = selection.images, selection.items
    told = [name for name in images.columns if name not in _NOT_TOLD]
    facts = images.frame(told, items["id"].to_numpy()).reset_index(drop=True)
    table = items[list(_FIRST)].reset_index(drop=True).join(facts)
    if is_cut:
        table = table.assign(crop=table["filename"], filename=source_names(items))
    of_crops = {f"{CROPS.name}.{name}": name for name in (*BOX_COLUMNS, *CORNER_COLUMNS)}
    table = table.rename(columns=of_crops)
    first = [name for name in (*_FIRST, *BOX_COLUMNS, *CORNER_COLUMNS) if name in table]
    table = table[[*first, *table.columns.difference(first, sort=False)]]
    says = table.notna().any()
    return table.loc[:, says | table.columns.isin(_FIRST)]


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet."""
    write_table(pa.Table.from_pandas(table, preserve_index=False), path)
