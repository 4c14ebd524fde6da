# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


def test_importing_and_making_an_app_opens_no_file_and_starts_no_thread():
    """/proc tells: the same descriptors and threads after as before."""
    done = run("""
import os, threading
def state():
    return sorted(os.listdir('/proc/self/fd')), os.listdir('/proc/self/task')
before = state()
import tidegate
app = tidegate.App(broker='mqtt://127.0.0.1:1')
@app.every('1s', publish='a')
def a(): pass
@app.on('a/#')
def b(msg): pass
assert state() == before, (before, state())
assert threading.active_count() == 1
""")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "" and done.stderr == ""


def test_importing_does_not_import_asyncio():
    done = run("import tidegate, sys; sys.exit('asyncio' in sys.modules)")
    assert done.returncode == 0, done.stderr


def test_importing_leaves_signal_handlers_alone():
    done = run("""
import signal
before = [signal.getsignal(n) for n in range(1, 32)]
import tidegate; tidegate.App()
assert before == [signal.getsignal(n) for n in range(1, 32)]
""")
    assert done.returncode == 0, done.stderr


def test_every_public_name_is_there_and_the_version_is_the_builds():
    import tidegate
    from tidegate import _core
    assert all(hasattr(tidegate, name) for name in tidegate.__all__)
    assert tidegate.__version__ == _core.version
    assert tidegate.__version__[0].isdigit()


def test_the_stub_names_everything_in_the_core():
    import ast
    import tidegate
    from tidegate import _core
    stub = ast.parse(open(os.path.join(os.path.dirname(tidegate.__file__), "_core.pyi"), encoding="utf-8").read())
    functions = {node.name for node in stub.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    assert functions == {name for name in vars(_core) if not name.startswith("_") and name != "version"}
    client = next(node for node in stub.body if isinstance(node, ast.ClassDef) and node.name == "Client")
    methods = {node.name for node in client.body if isinstance(node, ast.FunctionDef)} - {"__init__"}
    assert methods == {name for name in vars(_core.Client) if not name.startswith("_")}
