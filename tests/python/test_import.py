# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys

import pytest


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
    for one in (node for node in stub.body if isinstance(node, ast.ClassDef)):
        methods = {node.name for node in one.body if isinstance(node, ast.FunctionDef)} - {"__init__"}
        assert methods == {name for name in vars(getattr(_core, one.name)) if not name.startswith("_")}, one.name


@pytest.mark.parametrize("name", ["app", "gateway", "gpio", "interval", "line", "message", "messages", "receipt", "session", "spool",
                                  "paho.client", "paho.properties", "paho.publish", "paho.reasoncodes", "paho.subscribe",
                                  "paho.subscribeoptions", "testing.automation", "testing.clock", "testing.gateway", "testing.lines"])
def test_a_stub_has_every_public_name_of_its_module_with_the_same_arguments(name):
    """Types are in stubs, for the sake of Python 3.9 and of start-up time."""
    import ast
    import importlib
    import inspect
    module = importlib.import_module("tidegate." + name)
    stub = ast.parse(open(os.path.splitext(module.__file__)[0] + ".pyi", encoding="utf-8").read())

    def arguments(node):
        said = node.args
        names = [argument.arg for argument in said.posonlyargs + said.args]
        names += ["*" + said.vararg.arg] if said.vararg else ["*"] if said.kwonlyargs else []
        return names + [argument.arg for argument in said.kwonlyargs] + (["**" + said.kwarg.arg] if said.kwarg else [])

    def written(function):
        names, seen = [], False
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind == parameter.KEYWORD_ONLY and not seen:
                names.append("*")
                seen = True
            seen = seen or parameter.kind == parameter.VAR_POSITIONAL
            names.append({parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "") + parameter.name)
        return names

    def check(body, namespace, where):
        stubbed = {node.name: node for node in body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))}
        attributes = {node.target.id for node in body if isinstance(node, ast.AnnAssign)}
        for what, thing in namespace.items():
            if isinstance(thing, property):
                if not what.startswith("_"):
                    assert what in stubbed or what in attributes, f"{where}.{what} is not in the stub"
            elif inspect.isfunction(thing) and (what == "__init__" or not what.startswith("_")):
                assert what in stubbed, f"{where}.{what} is not in the stub"
                assert arguments(stubbed[what]) == written(thing), f"{where}.{what}"
        for what, node in stubbed.items():
            assert what in namespace or what == "__getattr__", f"{where}.{what} is in the stub alone"

    public = {what: thing for what, thing in vars(module).items() if getattr(thing, "__module__", None) == module.__name__}
    classes = {node.name: node for node in stub.body if isinstance(node, ast.ClassDef)}
    check([node for node in stub.body if isinstance(node, ast.FunctionDef)],
          {what: thing for what, thing in public.items() if inspect.isfunction(thing) and not what.startswith("_")
           and not (name == "line" and what in ("event_of", "read"))}, name)
    import tidegate
    for what in set(tidegate.__all__) & set(public):
        assert what in classes, f"{what} is not in the stub"
    for what, node in classes.items():
        if not what.startswith("_") and not issubclass(public[what], tuple):  # what only types need; named tuples
            check(node.body, vars(public[what]), what)
