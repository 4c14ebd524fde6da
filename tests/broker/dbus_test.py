# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The real tidegated on a real dbus-daemon of the test's own, with busctl and dbus-python as its callers."""
import grp
import json
import os
import pathlib
import pwd
import random
import subprocess
import threading
import xml.etree.ElementTree

import bus
import dbus
import dbus.mainloop.glib
import pytest
from bus import NAME, ROOT, MessageBus
from gi.repository import GLib
from parts import BINARY_DIR, DEADLINE, tool_environment, wait_until

dbus.mainloop.glib.threads_init()
SOURCE = pathlib.Path(os.environ.get("TIDEGATE_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
LINES = """
[[gpio.input]]
name = "door"
line = "no-such-chip:3"
[[gpio.output]]
name = "lamp"
line = "no-such-chip:4"
"""


def upstream_block(broker, more=""):
    return f"""
[[upstream]]
name = "cloud"
servers = ["{broker.url}"]
backoff_first = "100ms"
backoff_most = "500ms"
{more}
[[upstream.forward]]
topics = ["device/#"]
"""


@pytest.fixture
def make_bus():
    made = []

    def make(*arguments):
        made.append(MessageBus(*arguments))
        return made[-1]

    yield make
    for one in made:
        one.end()


@pytest.fixture
def session(make_bus):
    return make_bus().start()


@pytest.fixture
def on_session(make_gateway, session):
    """A gateway on a session bus, started."""
    def make(configuration=""):
        gateway = make_gateway('[dbus]\nbus = "session"\nservices = false\n' + configuration)
        gateway.variables = {"DBUS_SESSION_BUS_ADDRESS": session.address}
        gateway.start()
        session.wait_name()
        return gateway
    return make


@pytest.fixture
def on_system(make_gateway, make_bus):
    """A gateway that heeds the services of a system bus, started; and that bus."""
    def make(configuration="", *policy, name="off"):
        system = make_bus(*policy).start()
        gateway = make_gateway(f'[dbus]\nbus = "{name}"\n' + configuration)
        gateway.variables = {"DBUS_SYSTEM_BUS_ADDRESS": system.address}
        return gateway, system
    return make


class Signals:
    """What is told on a bus, by (interface, member), from when this was made."""

    def __init__(self, message_bus):
        self._news = threading.Condition()
        self._seen = []
        self._loop = GLib.MainLoop()
        self._connection = dbus.bus.BusConnection(message_bus.address, mainloop=dbus.mainloop.glib.DBusGMainLoop())
        self._connection.set_exit_on_disconnect(False)
        self._connection.add_signal_receiver(self._heard, path_keyword="path", interface_keyword="interface", member_keyword="member")
        self._thread = threading.Thread(target=self._loop.run)
        self._thread.start()

    def _heard(self, *arguments, path, interface, member):
        with self._news:
            self._seen.append((path, interface, member, arguments))
            self._news.notify_all()

    def wait(self, member, condition, what=""):
        def found():
            return next((one for one in self._seen if one[2] == member and condition(*one[3])), None)
        with self._news:
            assert self._news.wait_for(found, DEADLINE), f"{member} {what} did not come: {self._seen}"
            return found()

    def end(self):
        self._loop.quit()
        self._thread.join(DEADLINE)
        self._connection.close()


@pytest.fixture
def listen():
    made = []

    def make(message_bus):
        made.append(Signals(message_bus))
        return made[-1]

    yield make
    for one in made:
        one.end()


def error_of(call, *arguments):
    with pytest.raises(dbus.DBusException) as raised:
        call(*arguments)
    return raised.value.get_dbus_name(), raised.value.get_dbus_message()


def options(**given):
    return dbus.Dictionary(given, signature="sv")


def paths(message_bus, kind):
    return sorted(path for path, interfaces in message_bus.managed().items() if f"org.tidegate.{kind}1" in interfaces)


# --- What is there ---------------------------------------------------------------------------------------------------

def normal(text):
    """Interfaces of ours in an introspection, without what all objects have."""
    found = {}
    for interface in xml.etree.ElementTree.fromstring(text).iter("interface"):
        name = interface.get("name")
        if name.startswith("org.tidegate."):
            found[name] = sorted(xml.etree.ElementTree.canonicalize(xml.etree.ElementTree.tostring(item, encoding="unicode"), strip_text=True) for item in interface)
    return found


def test_the_introspection_is_the_xml_that_is_checked_in(on_session, session, upstream, tmp_path):
    gateway = on_session(upstream_block(upstream) + LINES + "[sysstat]\n[automations]\npython = '/usr/bin/python3'\n")
    (gateway.folder / "automations").mkdir()
    (gateway.folder / "automations" / "sleeper.py").write_text("import signal\nsignal.pause()\n")
    gateway.stop()
    gateway.start()
    session.wait_name()
    kinds = ["Upstream", "Lane", "Source", "Input", "Output", "Automation"]
    wait_until(lambda: all(paths(session, kind) for kind in kinds), "an object of each kind")
    shown = {}
    for path in [ROOT, *(paths(session, kind)[0] for kind in kinds)]:
        shown.update(normal(session.object(path).Introspect(dbus_interface="org.freedesktop.DBus.Introspectable")))
    written = {}
    for file in (SOURCE / "etc/dbus-1/interfaces").glob("*.xml"):
        written.update(normal(file.read_text()))
    assert sorted(shown) == sorted(["org.tidegate.Gateway1", *(f"org.tidegate.{kind}1" for kind in kinds)])
    assert shown == written


def test_busctl_and_python_read_the_state_and_the_figures(on_session, session, upstream):
    gateway = on_session(upstream_block(upstream))
    gateway.wait_state("connected")
    assert session.busctl("get-property", NAME, ROOT, NAME, "Id") == (0, 's "gw"\n')
    wait_until(lambda: session.get("State") == "running", "running")
    wait_until(lambda: session.get("Health") == "ok", "health")
    assert session.get("Problems") == []
    assert session.get("BrokerUrl") == gateway.url
    assert json.loads(session.gateway().GetStatus())["gateway"]["uuid"] == session.get("Uuid")
    wait_until(lambda: session.get("State", f"{ROOT}/upstream/cloud", "org.tidegate.Upstream1") == "connected", "the upstream")
    assert session.get("Servers", f"{ROOT}/upstream/cloud", "org.tidegate.Upstream1") == [upstream.url]
    lane = f"{ROOT}/upstream/cloud/up/default"
    assert session.managed()[lane]["org.tidegate.Lane1"]["Upstream"] == "cloud"
    gateway_publish = session.gateway().Publish("device/a", dbus.ByteArray(b"1"), options(until="delivered"))
    assert gateway_publish["upstreams"] == ["cloud"]
    wait_until(lambda: session.get("Delivered", lane, "org.tidegate.Lane1") == 1, "the figure")
    assert session.get("Accepted", lane, "org.tidegate.Lane1") == 1
    status, said = session.busctl("introspect", NAME, ROOT)
    assert status == 0 and ".Publish" in said and "emits-change" in said


# --- What is called --------------------------------------------------------------------------------------------------

def test_a_message_is_published_and_its_caller_knows_what_became_of_it(on_session, session, upstream, make_witness):
    witness = make_witness(upstream, "device/#")
    gateway = on_session(upstream_block(upstream))
    gateway.wait_state("connected")
    local = make_witness(gateway, "device/#")
    publish = session.gateway().Publish
    assert publish("device/a", dbus.ByteArray(b"one"), options()) == {"upstreams": ["cloud"], "stage": "accepted"}
    assert publish("device/a", dbus.ByteArray(b"two"), options(until="durable"))["stage"] == "durable"
    receipt = publish("device/b", dbus.ByteArray(b"three"), options(until="delivered", qos=dbus.Byte(2), retain=True,
                      user=dbus.Dictionary({"from": "a test"}, signature="ss")))
    assert receipt["stage"] == "delivered"
    witness.wait_payload("device/b", "three")
    assert [one.payload for one in witness.seen()] == ["one", "two", "three"]
    local.wait_payload("device/b", "three")
    assert publish("elsewhere", dbus.ByteArray(b"x"), options(until="delivered")) == {"upstreams": [], "stage": "local"}
    status, said = session.busctl("call", NAME, ROOT, NAME, "Publish", "saya{sv}", "device/c", "2", "104", "105", "1", "until", "s", "delivered")
    assert status == 0 and '"cloud"' in said, said
    witness.wait_payload("device/c", "hi")


def test_an_upstream_is_paused_resumed_and_drained(on_session, session, upstream, make_witness, listen):
    witness = make_witness(upstream, "device/#")
    gateway = on_session(upstream_block(upstream))
    gateway.wait_state("connected")
    signals = listen(session)
    session.gateway().PauseUpstream("cloud")
    signals.wait("Event", lambda kind, details: kind == "upstream" and details["state"] == "paused")
    signals.wait("HealthChanged", lambda health, problems: health == "degraded" and "resume cloud" in problems[0][1])
    error, text = error_of(session.gateway().Publish, "device/a", dbus.ByteArray(b"late"), options(until="delivered", timeout=0.2))
    assert error == "org.tidegate.Error.Timeout" and "stays in the spool" in text
    assert session.gateway().Drain(0.0) == 0, "what is held back on purpose is not waited for"
    assert witness.seen() == []
    assert gateway.upstream()["state"] == "paused"
    session.gateway().ResumeUpstream("cloud")
    signals.wait("Event", lambda kind, details: kind == "upstream" and details["state"] == "connected")
    assert session.gateway().Drain(DEADLINE) == 0
    witness.wait_payload("device/a", "late")
    assert len(witness.seen()) == 1
    signals.wait("HealthChanged", lambda health, _: health == "ok")


def test_the_command_line_pauses_resumes_and_drains(make_gateway, upstream, make_witness):
    witness = make_witness(upstream, "device/#")
    gateway = make_gateway('[dbus]\nbus = "off"\nservices = false\n' + upstream_block(upstream)).start()
    gateway.wait_state("connected")

    def tidegate(*words):
        done = subprocess.run([BINARY_DIR / "bin" / "tidegate", *words, "--runtime", str(gateway.runtime)], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=DEADLINE, env=tool_environment())
        return done.returncode, done.stdout
    assert tidegate("upstream", "pause", "cloud")[0] == 0
    gateway.wait_state("paused")
    gateway.call("publish", topic="device/a", payload="late")
    assert tidegate("upstream", "pause", "cluod") == (1, "tidegate: there is no upstream 'cluod'; the upstreams are cloud\n")
    assert tidegate("upstream", "resume", "cloud") == (0, "cloud goes on\n")
    assert tidegate("drain") == (0, "Nothing waits any more.\n")
    witness.wait_payload("device/a", "late")
    assert len(witness.seen()) == 1
    upstream.stop()
    gateway.wait_state("waiting")
    gateway.call("publish", topic="device/a", payload="later")
    status, said = tidegate("drain", "-W", "0.2")
    assert status == 27 and "1 messages still wait" in said


def test_an_automation_is_shown_and_started_again(on_session, session):
    gateway = on_session("[automations]\npython = '/usr/bin/python3'\n")
    gateway.stop()
    (gateway.folder / "automations").mkdir()
    (gateway.folder / "automations" / "clock.py").write_text("import signal\nsignal.pause()\n")
    gateway.start()
    session.wait_name()
    path = f"{ROOT}/automation/clock"
    wait_until(lambda: path in session.managed() and session.get("State", path, "org.tidegate.Automation1") == "running", "the automation")
    before = session.get("Pid", path, "org.tidegate.Automation1")
    session.gateway().RestartAutomation("clock")
    wait_until(lambda: session.get("Pid", path, "org.tidegate.Automation1") not in (0, before), "another process")
    error, text = error_of(session.gateway().RestartAutomation, "clokc")
    assert (error, text) == ("org.tidegate.Error.Unknown", 'there is no automation "clokc"; there are clock')


def test_bad_input_is_told_as_an_error_with_the_whole_sentence(on_session, session, upstream):
    gateway = on_session(upstream_block(upstream) + LINES)
    call = session.gateway()
    error, text = error_of(call.Publish, "device/+", dbus.ByteArray(b""), options())
    assert error == "org.tidegate.Error.Topic" and "device/+" in text
    assert error_of(call.Publish, "", dbus.ByteArray(b""), options())[0] == "org.tidegate.Error.Topic"
    assert error_of(call.Publish, "a", dbus.ByteArray(bytes(2 << 20)), options())[0] == "org.tidegate.Error.Payload"
    for wrong, part in [({"qos": dbus.Byte(3)}, "qos is 0, 1 or 2"), ({"qos": "1"}, "type s"), ({"quality": 1}, "there is no option"),
                        ({"until": "read"}, "durable or delivered"), ({"until": "durable", "timeout": -1.0}, "seconds")]:
        error, text = error_of(call.Publish, "a", dbus.ByteArray(b""), options(**wrong))
        assert error == "org.tidegate.Error.Argument" and part in text
    assert error_of(call.PauseUpstream, "sky") == ("org.tidegate.Error.Unknown", "there is no upstream 'sky'; the upstreams are cloud")
    assert error_of(call.ReadLine, "dor") == ("org.tidegate.Error.Unknown", "there is no line 'dor'; the lines are door, lamp")
    assert error_of(call.ReadLine, "door")[0] == "org.tidegate.Error.Unavailable"
    assert error_of(call.SetLine, "door", "ON") == ("org.tidegate.Error.Refused", "door is of kind input: it can be read, not set")
    assert error_of(call.SetLine, "lamp", "ON") == ("org.tidegate.Error.Refused", "lamp: the line is not there now")
    assert error_of(call.SetLine, "lamp", "maybe")[0] == "org.tidegate.Error.Refused"
    error, text = error_of(call.RestartAutomation, "clock")
    assert error == "org.tidegate.Error.Unavailable" and "tidegate-apps cannot be asked" in text
    assert error_of(call.Drain, -1.0)[0] == "org.tidegate.Error.Argument"
    assert error_of(call.Publish, 7)[0] == "org.freedesktop.DBus.Error.InvalidArgs"
    answer = gateway.call("reload")
    if not answer["ok"]:
        assert error_of(call.Reload)[1] == answer["error"]


def test_an_upstream_that_goes_is_told_by_signals(on_session, session, upstream, listen):
    gateway = on_session(upstream_block(upstream))
    gateway.wait_state("connected")
    wait_until(lambda: session.get("State", f"{ROOT}/upstream/cloud", "org.tidegate.Upstream1") == "connected", "the upstream")
    signals = listen(session)
    upstream.stop()
    signals.wait("Event", lambda kind, details: kind == "upstream" and details["name"] == "cloud" and details["state"] == "waiting")
    changed = signals.wait("PropertiesChanged", lambda interface, changed, _: interface.endswith("Upstream1") and changed.get("State") == "waiting")
    assert changed[0] == f"{ROOT}/upstream/cloud"
    signals.wait("HealthChanged", lambda health, problems: health == "degraded" and problems[0][0] == "upstream cloud")
    gateway.stop()
    signals.wait("StateChanged", lambda state: state == "stopping")


def test_what_the_documentation_shows_runs(on_session, session, upstream):
    gateway = on_session(upstream_block(upstream) + LINES)
    gateway.wait_state("connected")
    wait_until(lambda: paths(session, "Upstream"), "the upstream")
    text = (SOURCE / "docs/dbus.md").read_text()
    environment = tool_environment(DBUS_SYSTEM_BUS_ADDRESS=session.address)

    def run(*words, **more):
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=DEADLINE, env=environment, **more)
        return done.returncode, done.stdout
    python = text.split("```python\n")[1].split("```")[0]
    status, said = run("/usr/bin/python3", "-c", python)
    assert status == 0 and said.splitlines()[0] == "local []" and "cloud connected 0" in said, said
    commands = text.split("```sh\n")[1].split("```")[0].splitlines()
    said = {line.split()[1]: run("sh", "-c", line) for line in commands if "monitor" not in line}
    assert said["get-property"] == (0, 's "degraded"\n'), "its lines are not there"
    assert said["tree"][0] == 0 and "/org/tidegate/Gateway1/output/lamp" in said["tree"][1]
    assert "lamp: the line is not there now" in said["call"][1]


# --- A bus that is not there -----------------------------------------------------------------------------------------

def test_a_bus_that_comes_late_goes_and_comes_again_is_taken_up(make_gateway, make_bus, upstream):
    late = make_bus()
    gateway = make_gateway('[dbus]\nbus = "session"\n' + upstream_block(upstream))
    gateway.variables = {"DBUS_SESSION_BUS_ADDRESS": late.address}
    gateway.start()
    gateway.wait_state("connected")
    assert gateway.status()["health"]["ok"], "no bus is no problem"
    late.start().wait_name()
    assert late.get("Id") == "gw"
    late.kill()
    gateway.call("publish", topic="device/a", payload="meanwhile")
    late.start().wait_name()
    wait_until(lambda: f"{ROOT}/upstream/cloud" in late.managed(), "the objects")
    assert gateway.status()["health"]["ok"]
    assert gateway.said().count("there is no session bus") <= 2, "it is said once for each time"


def test_a_second_gateway_leaves_the_name_to_the_first_and_takes_it_when_that_ends(on_session, session, make_gateway):
    first = on_session()
    second = make_gateway('[gateway]\nid = "second"\n[broker]\nport = 0\n[dbus]\nbus = "session"\nservices = false\n')
    second.variables = {"DBUS_SESSION_BUS_ADDRESS": session.address}
    second.start()
    wait_until(lambda: "another gateway has the name" in second.said(), "its word")
    assert session.get("Id") == "gw"
    first.stop()
    session.wait_name()
    assert session.get("Id") == "second"


def test_whatever_methods_are_called_with_the_gateway_goes_on(on_session, session, upstream):
    gateway = on_session(upstream_block(upstream) + LINES)
    random.seed(20261129)
    call = session.gateway()

    def text():
        return "".join(random.choice("abc/+#$\u0001\u00e4\u6f6e\U0001f30a ON.-_%{}\"\\") for _ in range(random.choice([0, 1, 5, 60, 3000])))

    def blob():
        return dbus.ByteArray(random.randbytes(random.choice([0, 1, 30, 5000])))

    def some_options():
        values = [text, blob, lambda: random.random() * 100 - 50, lambda: dbus.Byte(random.randrange(256)), lambda: True,
                  lambda: dbus.UInt64(2**63), lambda: float("nan"), lambda: dbus.Dictionary({text(): text()}, signature="ss")]
        names = ["qos", "retain", "content-type", "user", "until", "timeout"]
        return dbus.Dictionary({random.choice([*names, text()]): random.choice(values)() for _ in range(random.randrange(4))}, signature="sv")

    calls = [lambda: call.Publish(text(), blob(), some_options()), lambda: call.ReadLine(text()), lambda: call.SetLine(random.choice(["lamp", text()]), text()),
             lambda: call.PauseUpstream(text()), lambda: call.ResumeUpstream(text()), lambda: call.RestartAutomation(text()),
             lambda: call.Drain(random.choice([float("nan"), float("inf"), -1.0, 0.0, 1e300])), call.GetStatus,
             # Of another signature than the method's.
             lambda: random.choice([call.Publish, call.ReadLine, call.SetLine, call.Drain, call.GetStatus, call.PauseUpstream, call.Nothing])(
                 *(random.choice([7, "x" * 100_000, True, dbus.ByteArray(b"\xff\xfe"), dbus.Double(1)]) for _ in range(random.randrange(3))))]

    def throw(times):
        for _ in range(times):
            try:
                random.choice(calls)()
            except dbus.DBusException as error:
                assert error.get_dbus_name().startswith(("org.tidegate.Error.", "org.freedesktop.DBus.Error.InvalidArgs",
                                                         "org.freedesktop.DBus.Error.UnknownMethod")), error

    throw(100)
    descriptors = len(os.listdir(f"/proc/{gateway.process.pid}/fd"))
    throw(400)
    assert len(os.listdir(f"/proc/{gateway.process.pid}/fd")) <= descriptors + 1
    assert gateway.status()["gateway"]["id"] == "gw"


# --- Who may what, on the system bus -----------------------------------------------------------------------------------

@pytest.fixture
def guarded(on_system):
    """A gateway on a system bus with our policy, where the user and the group tidegate are called daemon here."""
    if why := bus.another_user():
        pytest.skip(why)
    ours = (SOURCE / "etc/dbus-1/system.d/org.tidegate.Gateway1.conf").read_text()
    ours = ours[ours.index("<busconfig>") + len("<busconfig>"):ours.index("</busconfig>")].replace('"tidegate"', '"daemon"')
    mocks = '<policy user="root"><allow own="*"/><allow send_destination="*"/></policy>'
    gateway, system = on_system("", bus.CLOSED + mocks + ours, name="system")
    gateway.start()
    system.wait_name()
    return system


MEMBER = {"user": pwd.getpwnam("daemon").pw_uid, "group": grp.getgrnam("daemon").gr_gid}
STRANGER = {"user": pwd.getpwnam("nobody").pw_uid, "group": grp.getgrnam("nogroup").gr_gid}
PUBLISH = ("call", NAME, ROOT, NAME, "Publish", "saya{sv}", "a", "0", "0")


def test_a_stranger_may_not_even_read(guarded):
    status, said = guarded.busctl("get-property", NAME, ROOT, NAME, "Id", **STRANGER)
    assert status != 0 and "denied" in said, said


def test_the_group_reads_and_changes_nothing_without_polkit(guarded):
    assert guarded.busctl("get-property", NAME, ROOT, NAME, "Id", **MEMBER) == (0, 's "gw"\n')
    status, said = guarded.busctl(*PUBLISH, **MEMBER)
    assert status != 0 and "without it only root and the user that runs the gateway may change" in said, said
    assert guarded.busctl(*PUBLISH)[0] == 0, "root may"


def test_polkit_is_asked_for_each_action(guarded):
    guarded.mock("--template", "polkitd")
    guarded.wait_name("org.freedesktop.PolicyKit1")
    status, said = guarded.busctl(*PUBLISH, **MEMBER)
    assert status != 0 and "org.tidegate.gateway.publish" in said, said
    polkit = guarded.object("/org/freedesktop/PolicyKit1/Authority", "org.freedesktop.PolicyKit1")
    polkit.SetAllowed(["org.tidegate.gateway.publish"], dbus_interface="org.freedesktop.DBus.Mock")
    assert guarded.busctl(*PUBLISH, **MEMBER)[0] == 0
    status, said = guarded.busctl("call", NAME, ROOT, NAME, "Drain", "d", "0", **MEMBER)
    assert status != 0 and "org.tidegate.gateway.manage" in said, said


# --- What other services tell: python-dbusmock plays them ----------------------------------------------------------------

NM = "org.freedesktop.NetworkManager"
MOCK = "org.freedesktop.DBus.Mock"


def network(system, state, connectivity):
    system.object("/org/freedesktop/NetworkManager", NM).UpdateProperties(
        NM, dbus.Dictionary({"State": dbus.UInt32(state), "Connectivity": dbus.UInt32(connectivity)}, signature="sv"), dbus_interface=MOCK)


def test_upstreams_are_quiet_without_a_network_and_connect_at_once_when_it_is_back(on_system, upstream):
    block = upstream_block(upstream).replace('backoff_most = "500ms"', 'backoff_most = "1h"')
    gateway, system = on_system(block)
    system.mock(NM, "/org/freedesktop/NetworkManager", NM)
    system.wait_name(NM)
    system.object("/org/freedesktop/NetworkManager", NM).AddProperties(
        NM, dbus.Dictionary({"State": dbus.UInt32(70), "Connectivity": dbus.UInt32(4)}, signature="sv"), dbus_interface=MOCK)
    gateway.start()
    gateway.wait_state("connected")
    network(system, 20, 1)
    wait_until(lambda: any("NetworkManager says that the network is disconnected" in one["why"] for one in gateway.status()["health"]["problems"]), "health")
    assert gateway.upstream()["state"] == "connected", "a connection that stands, stays"
    upstream.stop()
    gateway.wait_state("waiting")
    upstream.start()
    gateway.call("publish", topic="device/a", payload="x")
    network(system, 70, 4)
    gateway.wait_state("connected")  # not in an hour
    wait_until(lambda: gateway.status()["health"]["ok"], "health")
    system.kill()
    assert gateway.upstream()["state"] == "connected"


def test_networkd_is_heeded_too(on_system, upstream):
    networkd, path, interface = "org.freedesktop.network1", "/org/freedesktop/network1", "org.freedesktop.network1.Manager"
    gateway, system = on_system(upstream_block(upstream).replace('backoff_most = "500ms"', 'backoff_most = "1h"'))
    gateway.start()
    gateway.wait_state("connected")
    system.mock(networkd, path, interface)
    system.wait_name(networkd)

    def operational(state):
        system.object(path, networkd).UpdateProperties(interface, dbus.Dictionary({"OperationalState": state}, signature="sv"), dbus_interface=MOCK)
    system.object(path, networkd).AddProperty(interface, "OperationalState", "routable", dbus_interface=MOCK)
    operational("no-carrier")
    wait_until(lambda: any("networkd says that the network is no-carrier" in one["why"] for one in gateway.status()["health"]["problems"]), "health")
    upstream.stop()
    gateway.wait_state("waiting")
    upstream.start()
    operational("routable")
    gateway.wait_state("connected")


def test_the_spool_is_put_on_the_disk_before_the_machine_sleeps(on_system, upstream, listen):
    gateway, system = on_system(upstream_block(upstream) + 'sync = "1m"\n')
    system.mock("--template", "logind")
    system.wait_name("org.freedesktop.login1")
    login = system.object("/org/freedesktop/login1", "org.freedesktop.login1")

    def inhibitors():
        return [[str(word) for word in one[:4]] for one in login.ListInhibitors(dbus_interface="org.freedesktop.login1.Manager")]
    gateway.start()
    gateway.wait_state("connected")
    wait_until(lambda: inhibitors() == [["shutdown:sleep", "Tidegate", "messages are put on the disk", "delay"]], "the inhibitor")
    gateway.call("upstream.pause", name="cloud")
    gateway.call("publish", topic="device/a", payload="kept")
    assert gateway.lane()["durable"] == 0, "it would be put there within a minute"
    manager = "org.freedesktop.login1.Manager"
    login.EmitSignal(manager, "PrepareForSleep", "b", [True], dbus_interface=MOCK)
    wait_until(lambda: inhibitors() == [], "the inhibitor let go")
    assert gateway.lane()["durable"] == 1
    gateway.call("upstream.resume", name="cloud")
    gateway.wait_state("connected")
    login.EmitSignal(manager, "PrepareForSleep", "b", [False], dbus_interface=MOCK)
    wait_until(inhibitors, "the inhibitor taken again")
    wait_until(lambda: "the machine has slept" in gateway.said(), "a connection anew")
    gateway.wait_state("connected")


def test_a_clock_that_was_set_is_told(on_system, make_bus, listen):
    gateway, system = on_system(name="system")
    system.mock("--template", "timedated")
    system.wait_name("org.freedesktop.timedate1")
    clock = system.object("/org/freedesktop/timedate1", "org.freedesktop.timedate1")
    interface = "org.freedesktop.timedate1"
    clock.UpdateProperties(interface, dbus.Dictionary({"NTPSynchronized": False}, signature="sv"), dbus_interface=MOCK)
    gateway.start()
    system.wait_name()
    signals = listen(system)
    clock.UpdateProperties(interface, dbus.Dictionary({"NTPSynchronized": True}, signature="sv"), dbus_interface=MOCK)
    told = signals.wait("Event", lambda kind, details: kind == "clock" and details["by"] == interface)
    assert told[3][1]["quality"] == "ntp"
