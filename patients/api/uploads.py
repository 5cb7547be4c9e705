"""Files of one request as one upload: a single file as it is, several packed into a zip, as a folder would be."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.files.uploadedfile import UploadedFile
from rest_framework.exceptions import ValidationError

from patients import actions
from patients.models import Registry, Upload

SUFFIXES = (".csv", ".tsv", ".txt", ".tab", ".zip")


def receive(files: Sequence[UploadedFile], *, registry: Registry, by: AbstractBaseUser, **how: Any) -> Upload:
    """Keep what was sent as one upload, in the state *received*.

    Raises ValidationError for a name that no table has, two files of one name, or a zip beside other files.
    """
    names = [PurePosixPath((file.name or "").replace("\\", "/")).name for file in files]
    for name in names:
        if PurePosixPath(name).suffix.casefold() not in SUFFIXES:
            raise ValidationError(
                {"file": f"{name!r} is no table: send {', '.join(SUFFIXES[:-1])} or one .zip of them"}
            )
    if len(files) == 1:
        return actions.start_import(registry=registry, by=by, file=files[0], file_name=names[0], **how)
    if any(name.casefold().endswith(".zip") for name in names):
        raise ValidationError({"file": "send one zip alone, or the tables themselves"})
    if len({name.casefold() for name in names}) < len(names):
        raise ValidationError({"file": "two files bear one name; give each the name of its kind, such as patients.csv"})
    with tempfile.TemporaryFile() as packed:
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name, file in zip(names, files, strict=True):
                with archive.open(name, "w", force_zip64=True) as member:
                    file.seek(0)
                    shutil.copyfileobj(file, member, 1 << 20)
        packed.seek(0)
        return actions.start_import(registry=registry, by=by, file=packed, file_name=f"{len(files)} files.zip", **how)
