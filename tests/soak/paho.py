# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""paho-mqtt's own client tests, with their scripted brokers, against tidegate.paho. They are taken from the package's
source at the index that pip is set to, into a folder of this run alone. Its MQTT 5 tests want a broker that is not in the
package: they get a Mosquitto. docs/migrating-from-paho.md has the table that this prints, and says why what fails does."""
import collections
import concurrent.futures
import os
import re
import subprocess
import sys
import tarfile

import trial

from parts import MOSQUITTO  # noqa: E402

VERSION = "2.1.0"
SECONDS = 40  # for one test
SHARE = 0.9

# What fails, and why; each has its words in the documentation.
AGAIN = "what is sent again is a new message, without DUP"
INTERRUPTED = "the test passes, but its script was interrupted before the last call had returned, where the machine is slow"
EXPLAINED = {
    "test_client.py::TestPublish::test_publish_before_connect": "connects once, where paho-mqtt connects twice",
    "test_client.py::TestCompatibility::test_migration_callback_version": "takes the constructor of 1.x",
    "lib/test_03_publish_c2b_qos1_disconnect.py": AGAIN,
    "lib/test_03_publish_c2b_qos2_disconnect.py": AGAIN,
    "lib/test_03_publish_helper_qos1_disconnect.py": AGAIN,
    "lib/test_03_publish_helper_qos0_v5.py": "DISCONNECT is sent with its reason code written out",
    "test_mqttv5.py::Test::test_client_topic_alias": "no topic aliases",
    "test_mqttv5.py::Test::test_server_topic_alias": "no topic aliases",
    "test_mqttv5.py::Test::test_will_message": "pings go on while no loop runs",
    "test_mqttv5.py::Test::test_subscribe_failure": "wants another broker than Mosquitto",
    "test_mqttv5.py::Test::test_subscription_identifiers": "wants another broker than Mosquitto",
}

# Stands where paho.mqtt is imported from.
SHIM = """import sys
import tidegate.paho
from tidegate.paho import *
from tidegate.paho import MQTTException, client, enums, packettypes, properties, publish, reasoncodes, subscribe, subscribeoptions
for name in ("client", "enums", "packettypes", "properties", "publish", "reasoncodes", "subscribe", "subscribeoptions"):
    sys.modules["paho.mqtt." + name] = globals()[name]
"""

# Stands where the MQTT 5 tests look for a broker that they can run in a thread.
BROKERS = """import pathlib, socket, subprocess, tempfile, threading, time

class _Server:
    def __init__(self):
        self._ends = threading.Event()
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self._port = one.getsockname()[1]
        self.socket = self

    def getsockname(self):
        return ("127.0.0.1", self._port)

    def run(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "mosquitto.conf"
            path.write_text(f"listener {self._port} 127.0.0.1\\nallow_anonymous true\\nuser root\\n")
            broker = subprocess.Popen([MOSQUITTO, "-c", str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while broker.poll() is None:
                with socket.socket() as one:
                    if one.connect_ex(("127.0.0.1", self._port)) == 0:
                        break
                time.sleep(0.01)
            listeners.TCPListeners.server = self
            self._ends.wait()
            broker.terminate()
            broker.wait()

    def shutdown(self):
        self._ends.set()

class listeners:
    class TCPListeners:
        server = None

def run(config):
    _Server().run()
"""


def fetch(folder):
    """The source of paho-mqtt, unpacked."""
    got = subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "paho-mqtt", "-d", str(folder),
                          f"paho-mqtt=={VERSION}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    archives = list(folder.glob("*.tar.gz"))
    if got.returncode != 0 or len(archives) != 1:
        raise trial.Unable(f"pip cannot get paho-mqtt's source: {got.stdout.strip().splitlines()[-1:]}")
    with tarfile.open(archives[0]) as archive:
        archive.extractall(folder)
    return next(one for one in folder.iterdir() if one.is_dir() and (one / "tests").is_dir())


def preload():
    """The sanitizer's libraries, where the module was built with it."""
    core = next((trial.BUILD / "python" / "tidegate").glob("_core.*.so"), None)
    if core is None:
        raise trial.Unable("the Python module is not built")
    needs = subprocess.run(["ldd", str(core)], stdout=subprocess.PIPE, text=True).stdout
    found = [re.search(rf"{name}\S* => (\S+)", needs) for name in ("libasan", r"libstdc\+\+")]
    return ":".join(one[1] for one in found) if found[0] else ""


def explained(test):
    return next((words for name, words in EXPLAINED.items() if test[len("tests/"):].startswith(name)), None)


def run(options, folder, say):
    source = fetch(folder)
    stand_ins = folder / "stand-ins"
    (stand_ins / "paho" / "mqtt").mkdir(parents=True)
    (stand_ins / "paho" / "__init__.py").write_text("")
    (stand_ins / "paho" / "mqtt" / "__init__.py").write_text(SHIM)
    (stand_ins / "mqtt").mkdir()
    (stand_ins / "mqtt" / "__init__.py").write_text("")
    (stand_ins / "mqtt" / "brokers.py").write_text(f"MOSQUITTO = {MOSQUITTO!r}\n{BROKERS}")
    # The certificates that come with it expire; this is the script that they were made with. Its last line wants a folder.
    subprocess.run(["sh", "gen.sh"], cwd=source / "tests" / "ssl", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    original = [str(source / "src")] if options.original else [str(stand_ins)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "ASAN_OPTIONS": "detect_leaks=0",
                   "PYTHONPATH": os.pathsep.join([*original, str(stand_ins), str(source), str(trial.BUILD / "python")])}
    libraries = "" if options.original else preload()
    if libraries:
        environment["LD_PRELOAD"] = libraries
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore"]
    names = sorted(str(path.relative_to(source)) for path in (source / "tests").rglob("test_*.py")
                   if "websocket" not in path.name)

    def call(*words, seconds=SECONDS):
        return subprocess.run([*pytest, *words], cwd=source, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=seconds)

    collected = call("--collect-only", *names, seconds=300).stdout
    tests = [line for line in collected.splitlines() if "::" in line and not line.startswith(("ERROR", "<"))]
    if not tests:
        raise trial.Unable(f"pytest collects nothing: {collected[-500:]}")
    logs = folder / "failures"
    logs.mkdir()

    def one(test):
        # Thrice: their scripts are interrupted the moment that the last packet has come, wherever they are then.
        for last in (False, False, True) if explained(test) is None else [True]:
            try:
                done = call(test)
                outcome, text = {0: "passed"}.get(done.returncode, "failed"), done.stdout
                if outcome == "passed" and re.search(r"\d+ skipped", text):
                    outcome = "skipped"
            except subprocess.TimeoutExpired as late:
                outcome, text = "failed", f"not done in {SECONDS} s\n{(late.stdout or b'').decode(errors='replace')}"
            if outcome != "failed" or last:
                break
        if outcome == "failed":
            (logs / re.sub(r"\W+", "_", test)).write_text(text)
        return outcome

    with concurrent.futures.ThreadPoolExecutor(options.workers) as pool:
        outcomes = dict(zip(tests, pool.map(one, tests)))

    rows = collections.OrderedDict()
    for test, outcome in outcomes.items():
        rows.setdefault(test.split("::")[0][len("tests/"):], []).append(outcome)
    say(f"{'file':<44} passed  of")
    for name, row in rows.items():
        say(f"{name:<44} {row.count('passed'):>6}  {len(row) - row.count('skipped')}")
    failed = [test for test, outcome in outcomes.items() if outcome == "failed"]
    unexplained = []
    for test in failed:
        log = (logs / re.sub(r"\W+", "_", test)).read_text()
        why = explained(test) or (INTERRUPTED if "1 passed, 1 error" in log and "KeyboardInterrupt" in log else None)
        say(f"failed: {test[len('tests/'):]}: {why or 'NOT EXPLAINED'}")
        if why is None:
            unexplained.append(test)
    counted = [outcome for outcome in outcomes.values() if outcome != "skipped"]
    passed = counted.count("passed")
    share = passed / max(len(counted), 1)
    return {"holds": share >= SHARE and not unexplained, "passed": passed, "of": len(counted),
            "skipped": len(outcomes) - len(counted), "failed": failed, "unexplained": unexplained,
            "verdict": f"{passed} of {len(counted)} pass ({share:.0%}; {SHARE:.0%} is the least), {len(failed)} fail, "
                       f"{len(unexplained)} of them unexplained; {len(outcomes) - len(counted)} skipped"}


if __name__ == "__main__":
    trial.main("paho", run, workers=2, original=0)
