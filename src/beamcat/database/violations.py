"""Which rule of the tables a refused row broke."""

from __future__ import annotations

import re

from psycopg import errors

_OF_PARTITION = re.compile(r"_p\d+_(key|pkey)$")


def violated_constraint(error: errors.IntegrityError) -> str | None:
    """The name of the constraint, such as `datafile_key` or `dataset_investigation_id_fkey`.

    A partition's own name (`datafile_p3_key`) becomes that of the table. None for a missing value: then
    `error.diag.column_name` says which.
    """
    name = error.diag.constraint_name
    return None if name is None else _OF_PARTITION.sub(r"_\1", name)
