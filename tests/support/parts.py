# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The real parts that tests in Python are built from: Mosquitto brokers, mosquitto_pub as a device, mosquitto_sub as a
witness, and the real tidegated of this build. Each has a private folder and a free port; each test ends what it started."""
import collections
import getpass
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time

DEADLINE = 30.0
MOSQUITTO = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
BINARY_DIR = pathlib.Path(os.environ.get("TIDEGATE_BINARY_DIR", "build/debug"))


def wait_until(condition, what="the condition", deadline=None):
    """Polls, because other processes give no event; fails after the deadline, DEADLINE unless told."""
    deadline = DEADLINE if deadline is None else deadline
    end = time.monotonic() + deadline
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < end, f"{what} did not come within {deadline} s"
        time.sleep(0.01)


HELD = []


def free_port():
    """A port of the loopback at which nothing listens. It is this process's until it ends: the kernel gives it to nobody else who asks
    for a free one, not even while what listens there is stopped. Who listens there has to say SO_REUSEADDR, as servers do."""
    HELD.append(socket.socket())
    HELD[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    HELD[-1].bind(("127.0.0.1", 0))
    return HELD[-1].getsockname()[1]


def tool_environment(**more):
    """Without the sanitizer that Python may be started with: it is for our module, not for other programs. And without this
    machine's message buses: a test that wants one has its own."""
    without = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere/system", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere/session"}
    return {**{name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}, **without, **more}


def listens(where):
    """Whether connections are taken at this port of the loopback, or at the socket with this path."""
    is_port = isinstance(where, int)
    with socket.socket(socket.AF_INET if is_port else socket.AF_UNIX) as one:
        return one.connect_ex(("127.0.0.1", where) if is_port else str(where)) == 0


def serves(where):
    """Whether a Mosquitto runs behind this port or path. The kernel takes connections for it before that, and what it is sent by then,
    SIGTERM included, it forgets or dies of."""
    is_port = isinstance(where, int)
    with socket.socket(socket.AF_INET if is_port else socket.AF_UNIX) as one:
        one.settimeout(1)
        try:
            one.connect(("127.0.0.1", where) if is_port else str(where))
            one.sendall(bytes(16))  # neither MQTT nor TLS: it hangs up
            while one.recv(64):
                pass
        except ConnectionResetError:
            pass
        except OSError:
            return False
    return True


def files_below(folder):
    """What is in each file there, by path, while others write: of one look in which none went away between its name and its content."""
    def look():
        try:
            return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        except FileNotFoundError:
            return None
    return wait_until(look, f"files in {folder}")


class Broker:
    """A Mosquitto of this test's own, at the same port over restarts. lines: more of its configuration."""

    def __init__(self, folder, *lines, listener="", name="broker"):
        self.port = free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir()
        self.configuration = self.folder / "mosquitto.conf"
        self.configuration.write_text("\n".join([
            f"listener {self.port} 127.0.0.1", listener, f"user {getpass.getuser()}", "persistence true",
            f"persistence_location {self.folder}/", "max_queued_messages 0", *(lines or ("allow_anonymous true",))]) + "\n")
        self.process = None

    def start(self):
        """Until it serves at each of its listeners; it opens one after the other."""
        self.process = subprocess.Popen([MOSQUITTO, "-c", str(self.configuration)], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, env=tool_environment())
        words = [line.split() for line in self.configuration.read_text().splitlines() if line.startswith("listener ")]
        places = [int(port) if port != "0" else path for _, port, path in words]

        def up():
            assert self.process.poll() is None, "mosquitto ended"
            return all(map(serves, places))

        wait_until(up, "mosquitto")
        return self

    def stop(self, number=signal.SIGTERM):
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(DEADLINE)
            self.process = None

    def publish(self, topic, payload, qos=1, retain=False, *options):
        """One message from mosquitto_pub, as a device would send it."""
        publish(self.port, topic, payload, qos, retain, *options)

    def mosquitto(self, program, *arguments, **more):
        """Runs mosquitto_pub or mosquitto_sub to its end, and returns its output."""
        return subprocess.run([program, "-h", "127.0.0.1", "-p", str(self.port), *arguments], check=True,
                              stdout=subprocess.PIPE, timeout=DEADLINE, env=tool_environment(), **more).stdout


def publish(port, topic, payload, qos=1, retain=False, *options):
    subprocess.run(["mosquitto_pub", "-p", str(port), "-t", topic, "-q", str(qos), *(["-r"] if retain else []), *options,
                    *(["-m", payload] if payload else ["-n"])], check=True, timeout=DEADLINE, env=tool_environment())


def publish_lines(port, topic, lines, qos=1, *options):
    """mosquitto_pub -l: returns once every line has its PUBACK or PUBCOMP."""
    subprocess.run(["mosquitto_pub", "-p", str(port), "-t", topic, "-q", str(qos), "-l", *options],
                   input="".join(f"{line}\n" for line in lines), text=True, check=True, timeout=120, env=tool_environment())


Seen = collections.namedtuple("Seen", "topic payload qos retain")


class Witness:
    """What mosquitto_sub sees on a broker, with a session that outlives the broker's restarts, in order of arrival."""

    def __init__(self, broker, *topics, options=()):
        self._broker = broker
        self._topics = topics or ("#",)
        self._options = options
        self._news = threading.Condition()
        self._seen = []
        self._ready = threading.Event()
        self._client = f"witness-{id(self)}"
        self._process = subprocess.Popen(
            ["mosquitto_sub", "-p", str(broker.port), "-i", self._client, "-c", "-q", "2", "-F", "%q %r %t %p", *options,
             *[word for topic in (*self._topics, "witness/ready") for word in ("-t", topic)]],
            stdout=subprocess.PIPE, text=True, errors="replace", env=tool_environment())
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

        def ready():
            publish(broker.port, "witness/ready", "yes", 1, False, *options)
            return self._ready.wait(0.2)
        wait_until(ready, "the witness")

    def _read(self):
        for line in self._process.stdout:
            qos, retain, topic, payload = (line.rstrip("\n") + "   ").split(" ", 3)
            if topic == "witness/ready":
                self._ready.set()
                continue
            with self._news:
                self._seen.append(Seen(topic, payload.rstrip(" "), int(qos), retain == "1"))
                self._news.notify_all()

    def seen(self, topic=None):
        with self._news:
            return [one for one in self._seen if topic is None or one.topic == topic]

    def wait_for(self, condition, what="the messages", deadline=None):
        """Until condition(list of Seen) is true; returns the list."""
        deadline = DEADLINE if deadline is None else deadline
        with self._news:
            assert self._news.wait_for(lambda: condition(self._seen), deadline), \
                f"{what} did not come within {deadline} s; {len(self._seen)} came, the last {self._seen[-3:]}"
            return list(self._seen)

    def wait_payload(self, topic, payload, deadline=None):
        return self.wait_for(lambda seen: any(one.topic == topic and one.payload == payload for one in seen),
                             f"{payload!r} on {topic}", deadline)

    def stop(self):
        self._process.kill()  # mosquitto_sub disconnects inside its handler of SIGTERM, and now and then waits there for itself
        self._process.wait(DEADLINE)
        self._thread.join(DEADLINE)
        self._process.stdout.close()


def ask(path, verb, **arguments):
    """What a control socket answers; None while there is none."""
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.settimeout(DEADLINE)
            one.connect(str(path))
            one.sendall(json.dumps({"verb": verb, **arguments}).encode() + b"\n")
            answer = one.makefile().readline()
    except (FileNotFoundError, ConnectionError):
        return None
    return json.loads(answer) if answer else None


class Gateway:
    """The real tidegated of this build. configuration: TOML; the folders and a free local port are given to it. wrapper: words
    of a command that ends by becoming the program whose words follow."""

    def __init__(self, folder, configuration, name="gateway", wrapper=()):
        self.wrapper = wrapper
        self.variables = {}  # of its environment
        self.folder = pathlib.Path(folder) / name
        self.state, self.runtime = self.folder / "state", self.folder / "run"
        self.folder.mkdir()
        self.state.mkdir()
        self.runtime.mkdir()
        self.file = self.folder / "tidegate.toml"
        self.configure(configuration)
        self.process = None
        self.log = self.folder / "log"

    def configure(self, configuration):
        head = "" if "[gateway]" in configuration else '[gateway]\nid = "gw"\n'
        head += "" if "[broker]" in configuration else "[broker]\nport = 0\n"
        self.file.write_text(head + configuration)
        self.file.chmod(0o600)

    def environment(self):
        return tool_environment(STATE_DIRECTORY=str(self.state), RUNTIME_DIRECTORY=str(self.runtime), **self.variables)

    def launch(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*self.wrapper, BINARY_DIR / "bin" / "tidegated", "--config", str(self.file)], stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL, env=self.environment())
        return self

    def start(self):
        """Until its local session is up."""
        self.launch()

        def up():
            assert self.process.poll() is None, f"tidegated ended:\n{self.said()}"
            return self.is_ready()
        wait_until(up, "the gateway")
        return self

    def is_ready(self):
        """For others: it has subscribed, and says so by the file. The second answer comes when all is done that it does then."""
        def connected():
            return (self.status() or {}).get("local", {}).get("state") == "connected"
        return connected() and (self.runtime / "broker.url").exists() and connected()

    def said(self):
        return self.log.read_text() if self.log.exists() else ""

    def call(self, verb, **arguments):
        """What the control socket answers; None while there is none."""
        return ask(self.runtime / "control.sock", verb, **arguments)

    def status(self):
        answer = self.call("status")
        return answer and answer["result"]

    def upstream(self, name="cloud"):
        status = self.status()
        return next(one for one in status["upstreams"] if one["name"] == name) if status else None

    def lane(self, name="default", upstream="cloud"):
        link = self.upstream(upstream)
        return next(one for one in link["lanes"] if one["name"] == name) if link else None

    @property
    def url(self):
        """Of the local broker."""
        return (self.runtime / "broker.url").read_text().strip()

    @property
    def port(self):
        return int(self.url.rsplit(":", 1)[1])

    def wait_drained(self, deadline=DEADLINE, upstream="cloud"):
        def drained():
            link = self.upstream(upstream)
            return link and link["state"] == "connected" and all(lane["waiting"] == 0 for lane in link["lanes"])
        wait_until(drained, "an empty backlog", deadline)

    def wait_state(self, state, upstream="cloud"):
        wait_until(lambda: (self.upstream(upstream) or {}).get("state") == state, f"the upstream {state}")

    def kill(self):
        """SIGKILL; its local broker lives on."""
        self.process.kill()
        self.process.wait(DEADLINE)

    def stop(self):
        """SIGTERM; its exit status."""
        self.process.terminate()
        return self.process.wait(DEADLINE)

    def end(self):
        """For the end of a test: leaves nothing behind, however the test went."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self.kill()
        record = self.runtime / "broker.json"
        if record.exists():
            left = json.loads(record.read_text())
            command = pathlib.Path(f"/proc/{left.get('pid', 0)}/cmdline")
            if command.exists() and str(self.runtime) in command.read_text():
                os.kill(left["pid"], signal.SIGKILL)
        assert "Sanitizer" not in self.said() and "runtime error" not in self.said(), self.said()


def interpreter(folder):
    """A command that runs Python with the module of this build, under the sanitizer if that has one."""
    file = pathlib.Path(folder) / "python"
    file.write_text("#!/bin/sh\n" + "".join(f"export {name}='{os.environ[name]}'\n" for name in ("LD_PRELOAD", "PYTHONPATH", "ASAN_OPTIONS")
                                            if name in os.environ) + 'exec /usr/bin/python3 "$@"\n')
    file.chmod(0o755)
    return file


class Apps:
    """The real tidegate-apps of this build, without a gateway. configuration: TOML; the folders, and an interpreter and a short
    backoff for all scripts, are given to it."""

    def __init__(self, folder, configuration="", automations=""):
        self.wrapper = ()  # words of a command that ends by becoming the program whose words follow
        self.folder = pathlib.Path(folder) / "apps"
        self.runtime, self.scripts = self.folder / "run", self.folder / "automations"
        for one in (self.folder, self.runtime, self.scripts):
            one.mkdir()
        self.file, self.log = self.folder / "tidegate.toml", self.folder / "log"
        self.file.write_text(f"""[gateway]
id = "gw"
state = "{self.folder / "state"}"
runtime = "{self.runtime}"
[automations]
python = "/usr/bin/python3"
backoff_first = "50ms"
backoff_most = "200ms"
{automations}
{configuration}""")
        self.process = None

    def start(self):
        self.launch()

        def up():
            assert self.process.poll() is None, f"tidegate-apps ended:\n{self.said()}"
            return self.call("app.list")
        wait_until(up, "tidegate-apps")
        return self

    def launch(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*self.wrapper, BINARY_DIR / "bin" / "tidegate-apps", "--config", str(self.file)], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, env=tool_environment())
        return self

    def save(self, name, text):
        """As a careful editor does: written beside, renamed."""
        new = self.scripts / f".{name}.new"
        new.write_text(text)
        new.rename(self.scripts / f"{name}.py")

    def said(self):
        return self.log.read_text() if self.log.exists() else ""

    def call(self, verb, **arguments):
        return ask(self.runtime / "apps.sock", verb, **arguments)

    def app(self, name):
        """What is listed of one; None while it is not."""
        answer = self.call("app.list")
        return answer and next((one for one in answer["result"]["apps"] if one["name"] == name), None)

    def wait_app(self, name, condition, what=""):
        def holds():
            app = self.app(name)
            return app if app and condition(app) else None
        return wait_until(holds, what or f"what is wanted of {name}: it is {self.app(name)}")

    def wait_state(self, name, state):
        return self.wait_app(name, lambda app: app["state"] == state, f"{name} {state}")

    def lines(self, name):
        answer = self.call("app.logs", name=name)
        return [line["text"] for line in answer["result"]["lines"]] if answer and answer["ok"] else []

    def wait_line(self, name, text):
        """The first line that has the text."""
        return wait_until(lambda: next((line for line in self.lines(name) if text in line), None), f"{text!r} from {name}")

    def command(self, *words):
        """`tidegate app …`: its exit status and output, errors included."""
        done = subprocess.run([BINARY_DIR / "bin" / "tidegate", "app", *words, "--runtime", str(self.runtime)], timeout=DEADLINE,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=tool_environment())
        return done.returncode, done.stdout

    def kill(self):
        self.process.kill()
        self.process.wait(DEADLINE)

    def stop(self):
        self.process.terminate()
        return self.process.wait(DEADLINE)

    def end(self):
        """For the end of a test."""
        if self.process is not None and self.process.poll() is None:
            self.stop()
        assert "Sanitizer" not in self.said() and "runtime error" not in self.said(), self.said()
