# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The Debian packages that tools/package has made in the build folder (the test `packages` does), or that lie in the folder that
TIDEGATE_PACKAGES names."""
import os
import pathlib
import re
import shutil
import subprocess

import installed

FOLDER = pathlib.Path(os.environ.get("TIDEGATE_PACKAGES") or installed.BINARY_DIR / "packages")
NAMES = ("tidegate", "python3-tidegate")


def project_version():
    return re.search(r"^project\(tidegate VERSION ([0-9.]+)", (installed.SOURCE_DIR / "CMakeLists.txt").read_text(encoding="utf-8"), re.M).group(1)


def path(name):
    [found] = FOLDER.glob(f"{name}_*.deb")
    return found


def field(name, which):
    return subprocess.run(["dpkg-deb", "-f", path(name), which], check=True, text=True, capture_output=True).stdout.strip()


def version(name):
    return field(name, "Version")


def give(folder):
    """Copies both into the folder."""
    folder.mkdir(exist_ok=True)
    for name in NAMES:
        shutil.copy(path(name), folder)


def give_newer(folder):
    """Both once more, with a newer version, as an upgrade: the same but for that."""
    folder.mkdir()
    for name in NAMES:
        tree = folder / "tree"
        subprocess.run(["dpkg-deb", "-R", path(name), tree], check=True)
        control = tree / "DEBIAN/control"
        text = control.read_text(encoding="utf-8")
        control.write_text(text.replace(version(name), version(name) + "+newer"), encoding="utf-8")
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, folder / f"{name}_newer.deb"], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(tree)
