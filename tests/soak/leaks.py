# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""What a million messages through an automation and a real broker leave behind in its memory."""
import os
import subprocess

import trial

import leak_run  # noqa: E402
from parts import Broker  # noqa: E402


def environment():
    """For Python with the module of the build, which has a sanitizer."""
    def library(name):
        said = subprocess.run(["c++", f"-print-file-name={name}"], stdout=subprocess.PIPE, text=True, check=True).stdout
        return os.path.realpath(said.strip())
    return {**os.environ, "PYTHONPATH": str(trial.BUILD / "python"), "ASAN_OPTIONS": "detect_leaks=0",
            "LD_PRELOAD": ":".join(map(library, ("libasan.so", "libstdc++.so")))}


def run(options, folder, say):
    broker = Broker(folder).start()
    try:
        blocks, heap = leak_run.growth(broker.url, options.messages, timeout=None, env=environment())
    finally:
        broker.stop()
    return {"holds": blocks < 0.01 and heap < 1, "blocks_a_message": blocks, "bytes_a_message": heap,
            "verdict": f"each of {options.messages} messages left {blocks:.4f} blocks of Python and {heap:.2f} bytes of the core behind"}


if __name__ == "__main__":
    trial.main("leaks", run, messages=1_000_000)
