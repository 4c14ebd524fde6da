# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""What `cmake --install` puts on a machine, in a folder."""
import os
import pathlib
import subprocess

SOURCE_DIR = pathlib.Path(os.environ.get("TIDEGATE_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BINARY_DIR = pathlib.Path(os.environ.get("TIDEGATE_BINARY_DIR", "build/debug")).resolve()


def install(folder, prefix="/usr"):
    """With the units' paths made for the prefix, whatever that of the build is."""
    ran = subprocess.run(["cmake", "--install", str(BINARY_DIR), "--strip", "--prefix", prefix], text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, env={**os.environ, "DESTDIR": str(folder)}, check=False)
    assert ran.returncode == 0, ran.stdout
    return folder
