# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""What an automation may publish and subscribe to: real scripts, the real tidegate-apps, and a real Mosquitto that enforces it."""
import json
import os
import pathlib
import signal
import subprocess

import pytest
from parts import BINARY_DIR, DEADLINE, ask, files_below, free_port, interpreter, listens, tool_environment, wait_until

# It tells who it is in a file of its own, and does as it is told.
ECHO = """# tidegate: publish=["allowed/#"] subscribe=["ask/+"]
import json, os
from tidegate import App
app = App()
with open(os.open(app.name + ".told", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as told:
    json.dump({name: value for name, value in os.environ.items() if name.startswith("TIDEGATE_")}, told)
@app.on("ask/+")
def ask(topic, text):
    receipt = app.publish(text, topic)
    receipt.accepted.wait(20)
    app.publish("allowed/said", str(receipt.reason), retain=True)
app.run()
"""


@pytest.fixture
def gateway(make_gateway, tmp_path):
    """With an upstream that is away, so that what is published there is accepted and told so."""
    one = make_gateway(f'''[automations]
python = "{interpreter(tmp_path)}"
backoff_first = "50ms"
[[upstream]]
name = "cloud"
servers = ["mqtt://127.0.0.1:{free_port()}"]
[[upstream.forward]]
topics = ["allowed/#"]
''')
    (one.folder / "automations").mkdir()
    return one


def save(gateway, name, text):
    new = gateway.folder / "automations" / f".{name}.new"
    new.write_text(text)
    new.rename(gateway.folder / "automations" / f"{name}.py")


def app(gateway, name):
    answer = ask(gateway.runtime / "apps.sock", "app.list")
    return next((one for one in answer["result"]["apps"] if one["name"] == name), {}) if answer else {}


def wait_app(gateway, name, condition):
    def holds():
        one = app(gateway, name)
        return one if one and condition(one) else None
    return wait_until(holds, f"what is wanted of {name}: it is {app(gateway, name)}")


def lines(gateway, name):
    answer = ask(gateway.runtime / "apps.sock", "app.logs", name=name)
    return "\n".join(line["text"] for line in answer["result"]["lines"]) if answer and answer["ok"] else ""


def wait_line(gateway, name, text):
    wait_until(lambda: text in lines(gateway, name), f"{text!r} from {name}")


def identity(gateway, name, before=None):
    """What the supervisor gave a script, once it has told; not that of an earlier run."""
    file = gateway.folder / "automations" / f"{name}.told"

    def told():
        try:
            found = json.loads(file.read_text())
        except (OSError, ValueError):
            return None
        return found if before is None or found["TIDEGATE_PASSWORD"] != before["TIDEGATE_PASSWORD"] else None
    return wait_until(told, f"what {name} was told")


def tell(gateway, topic, payload):
    done = subprocess.run(["mosquitto_pub", "-p", str(gateway.port), "-t", topic, "-m", payload, "-q", "1"], env=tool_environment(), timeout=DEADLINE)
    assert done.returncode == 0


def port(who):
    return who["TIDEGATE_BROKER"].rsplit(":", 1)[1]


def client(who, *words, user=None, password=None):
    """mosquitto_pub as an automation: its status and what it says."""
    done = subprocess.run(["mosquitto_pub", "-V", "5", "-p", port(who), "-q", "1", "-u", user or who["TIDEGATE_USER"],
                           "-P", password or who["TIDEGATE_PASSWORD"], *words], env=tool_environment(), capture_output=True, text=True,
                          timeout=DEADLINE)
    return done.returncode, (done.stdout + done.stderr).lower()


def test_an_automation_publishes_what_its_list_names_and_is_told_when_it_may_not(gateway, make_witness):
    save(gateway, "echo", ECHO)
    gateway.start()
    witness = make_witness(gateway, "#")
    assert app_limits(gateway) == "publish allowed/# (broker), subscribe ask/+ (broker)"
    identity(gateway, "echo")
    ready(gateway, witness)
    tell(gateway, "ask/two", "denied/answer")
    said = wait_until(lambda: next((one.payload for one in witness.seen() if one.topic == "allowed/said" and "refused" in one.payload), None), "the refusal")
    assert said.startswith("refused: not authorised")
    tell(gateway, "ask/three", "allowed/later")
    witness.wait_payload("allowed/later", "ask/three")
    assert not [one for one in witness.seen() if one.topic.startswith("denied/")]
    wait_line(gateway, "echo", 'the broker refused a message on denied/answer: not authorised')
    assert 'publish = ["allowed/#"], in its header or [[automation]], does not name it' in lines(gateway, "echo")


def app_limits(gateway, name="echo"):
    return wait_app(gateway, name, lambda one: one["state"] == "running")["limits"]


def ready(gateway, witness):
    """Until the script has subscribed: it has answered, and the gateway has told it that it took the answer."""
    def answered():
        tell(gateway, "ask/one", "allowed/answer")
        return any(one.topic == "allowed/said" and one.payload == "None" for one in witness.seen())
    wait_until(answered, "an answer")


def test_a_subscription_that_is_not_named_is_an_error_that_says_so(gateway):
    save(gateway, "nosy", '# tidegate: subscribe=["garden/+"]\nfrom tidegate import App\napp = App()\n'
         '@app.on("garden/#")\ndef all(msg):\n    pass\napp.run()\n')
    save(gateway, "late", '# tidegate: subscribe=[] publish=[]\nimport asyncio\nfrom tidegate import App, RightsError\napp = App()\n'
         '@app.startup\ndef begin():\n    try:\n        app.messages("secret")\n    except PermissionError as error:\n'
         '        print(type(error).__name__, error)\napp.run()\n')
    gateway.start()
    wait_line(gateway, "nosy", "RightsError: this automation may not subscribe to 'garden/#': its subscribe = [\"garden/+\"], "
              "in its header or [[automation]], does not name it")
    wait_line(gateway, "late", "RightsError this automation may not subscribe to 'secret': its subscribe = [], ")


def test_the_broker_sends_an_identity_what_it_may_have_and_refuses_the_rest(gateway, make_witness):
    save(gateway, "echo", ECHO)
    gateway.start()
    witness = make_witness(gateway, "#")
    who = identity(gateway, "echo")
    assert who["TIDEGATE_USER"] == "automation/echo" and len(who["TIDEGATE_PASSWORD"]) == 64
    assert client(who, "-t", "allowed/by-hand", "-m", "1")[0] == 0
    witness.wait_payload("allowed/by-hand", "1")
    assert "not authorized" in client(who, "-t", "denied/by-hand", "-m", "1")[1]  # reason code 135
    for wrong in ({"password": "guess"}, {"user": "automation/other"}, {"user": "echo"}, {"user": "nobody"}):
        status, said = client(who, "-t", "allowed/by-hand", "-m", "stolen", **wrong)
        assert status != 0 and "not authorized" in said
    # What the gateway keeps about itself comes first, and is for all.
    listener = subprocess.Popen(["stdbuf", "-oL", "mosquitto_sub", "-V", "5", "-p", port(who), "-u", who["TIDEGATE_USER"], "-P", who["TIDEGATE_PASSWORD"], "-t", "#",
                                 "-F", "%t %p", "-C", "2", "-q", "1", "-d"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=tool_environment())
    try:
        for line in listener.stdout:
            if "Subscribed" in line:
                break
        tell(gateway, "allowed/x", "may publish, not read")
        tell(gateway, "secret", "not for it")
        tell(gateway, "ask/x", "allowed/y")
        rest = list(listener.stdout)
    finally:
        listener.kill()
        listener.wait()
        listener.stdout.close()
    assert [line for line in rest if line.startswith(("allowed/", "secret", "ask/"))] == ["ask/x allowed/y\n"], rest
    assert not [one for one in witness.seen() if one.payload == "stolen" or one.topic.startswith("denied/")]


def publish(at, payload, *who):
    done = subprocess.run(["mosquitto_pub", "-p", str(at), "-t", "allowed/a", "-m", payload, "-q", "1", *who], env=tool_environment(),
                          capture_output=True, text=True, timeout=DEADLINE)
    return done.returncode == 0 or done.stderr.lower()


def test_nothing_is_lost_while_the_gateway_is_away_and_a_name_wants_its_password_once_a_script_has_rights(gateway, make_witness):
    gateway.start()
    anybody = ("-u", "anybody", "-P", "anything")
    assert publish(gateway.port, "0", *anybody) is True
    save(gateway, "echo", ECHO)
    identity(gateway, "echo")
    wait_until(lambda: publish(gateway.port, "1", *anybody) is not True, "a name that is asked for its password")
    assert "not authorised" in publish(gateway.port, "1", *anybody)
    assert publish(gateway.port, "1") is True  # who gives no name may do all on this machine
    accepted = gateway.status()["upstreams"][0]["lanes"][0]["accepted"]
    port = gateway.port
    gateway.kill()
    for n in range(50):
        assert publish(port, str(n)) is True
    gateway.start()
    wait_until(lambda: gateway.status()["upstreams"][0]["lanes"][0]["accepted"] >= accepted + 50, "what was published meanwhile")


def test_a_user_of_the_network_and_an_automation_of_one_name_are_two(gateway, tmp_path):
    door = free_port()
    (tmp_path / "users").touch(0o600)
    with open(gateway.file, "a", encoding="utf-8") as file:
        file.write(f'''[broker.listener]
address = "127.0.0.1"
port = {door}
plain = true
users = "{tmp_path / "users"}"
''')
    made = subprocess.run(["mosquitto_passwd", "-b", tmp_path / "users", "echo", "secret"], check=False, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    save(gateway, "echo", ECHO)
    gateway.start()
    who = identity(gateway, "echo")
    assert "not authorised" in publish(door, "1")
    assert publish(gateway.port, "1") is True
    device, script = ("-u", "echo", "-P", "secret"), ("-u", who["TIDEGATE_USER"], "-P", who["TIDEGATE_PASSWORD"])
    for at in (door, gateway.port):
        assert publish(at, "1", *device) is True and publish(at, "1", *script) is True
        assert "not authorised" in publish(at, "1", "-u", "echo", "-P", who["TIDEGATE_PASSWORD"])
    # The rights of the script are its own; the device, of whom no rights are told, may do all.
    assert "not authorized" in client(who, "-t", "denied/x", "-m", "1")[1]
    assert client(who, "-t", "denied/x", "-m", "1", user="echo", password="secret") == (0, "")


def test_an_automation_cannot_take_the_name_of_another(gateway):
    save(gateway, "echo", ECHO)
    save(gateway, "other", ECHO.replace("allowed/#", "other/#"))
    gateway.start()
    echo, other = identity(gateway, "echo"), identity(gateway, "other")
    assert echo["TIDEGATE_PASSWORD"] != other["TIDEGATE_PASSWORD"]
    status, said = client(echo, "-t", "other/x", "-m", "1", user="automation/other")
    assert status != 0 and "not authorized" in said
    assert "not authorized" in client(echo, "-t", "other/x", "-m", "1")[1]
    assert client(other, "-t", "other/x", "-m", "1") == (0, "")


def test_other_rights_hold_from_the_save_or_the_reload_on_and_the_old_password_is_worth_nothing(gateway):
    save(gateway, "echo", ECHO)
    gateway.start()
    first = identity(gateway, "echo")
    save(gateway, "echo", ECHO.replace("allowed/#", "other/#"))
    second = identity(gateway, "echo", first)
    assert client(second, "-t", "other/x", "-m", "1") == (0, "")
    assert "not authorized" in client(second, "-t", "allowed/x", "-m", "1")[1]
    assert client(first, "-t", "allowed/x", "-m", "1")[0] != 0
    before = gateway.file.read_text()
    gateway.file.write_text(before + '[[automation]]\nname = "echo"\npublish = []\n')
    os.kill(gateway.process.pid, signal.SIGHUP)
    third = identity(gateway, "echo", second)
    assert "not authorized" in client(third, "-t", "other/x", "-m", "1")[1]
    assert app_limits(gateway) == "publish nothing (broker), subscribe ask/+ (broker)"


def test_a_script_without_lists_does_what_it_always_did_and_gets_no_account(gateway, make_witness):
    save(gateway, "echo", ECHO.split("\n", 1)[1])
    gateway.start()
    witness = make_witness(gateway, "#")
    assert app_limits(gateway) == ""
    assert set(identity(gateway, "echo")) & {"TIDEGATE_USER", "TIDEGATE_PASSWORD"} == set()
    ready(gateway, witness)
    tell(gateway, "ask/x", "denied/answer")
    witness.wait_payload("denied/answer", "ask/x")


@pytest.mark.parametrize("name, header, why", [
    ("bad", "publish=[garden]", "{file}:1:13: publish: [garden] is no list of topic filters; write it like [\"garden/#\", \"lamp/set\"]"),
    ("bad", 'publish=["garden/#x"]', "{file}:1:13: publish: the topic filter 'garden/#x' mixes a wildcard with other characters"),
    ("bad", 'subscribe=["a", "b"', "{file}:1:23: the list after subscribe= is not closed"),
    ("bad", 'publish=["a" "b"]', "is no list of topic filters"),
    ("bad", 'publish=[" garden"]', "with spaces at its ends, cannot be written into a list of rights"),
    ("a+b", "publish=[]", '{file}: has rights at the local broker, as a user; rename the file: "a+b" has a wildcard in it'),
    ("a b", "publish=[]", "{file}: has rights at the local broker, as a user; rename the file: a user's name has letters"),
])
def test_a_list_that_is_wrong_refuses_the_automation_and_says_what_where_and_the_mend(make_apps, name, header, why):
    apps = make_apps()
    apps.save(name, f"# tidegate: {header}\nprint('it ran')\n")
    apps.start()
    assert why.format(file=apps.scripts / f"{name}.py") in apps.wait_state(name, "failed")["why"]
    assert "it ran" not in apps.said()
    checked = subprocess.run([BINARY_DIR / "bin" / "tidegate", "check", str(apps.file)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True, timeout=DEADLINE, env=tool_environment())
    assert checked.returncode == 78 and why.format(file=apps.scripts / f"{name}.py") in checked.stdout


def test_rights_that_nobody_would_enforce_refuse_the_automation(make_apps, upstream):
    apps = make_apps(f'[broker]\nurl = "{upstream.url}"\n')
    apps.save("echo", "# tidegate: publish=[]\nprint('it ran')\n")
    apps.start()
    assert "are kept by the broker that Tidegate starts, but [broker] url names another" in apps.wait_state("echo", "failed")["why"]
    assert "it ran" not in apps.said()


def test_without_a_broker_that_knows_its_rights_an_automation_waits(make_apps):
    apps = make_apps()
    apps.save("echo", "# tidegate: publish=[]\nprint('it ran')\n")
    apps.start()
    assert "it waits for the local broker to know its rights" in apps.wait_state("echo", "waiting")["why"]
    assert "it ran" not in apps.said()


def test_the_password_is_in_no_log_command_line_status_or_file(gateway):
    save(gateway, "echo", ECHO)
    gateway.start()
    who = identity(gateway, "echo")
    secret = who["TIDEGATE_PASSWORD"]
    pid = app(gateway, "echo")["pid"]
    assert secret not in pathlib.Path(f"/proc/{pid}/cmdline").read_text()
    assert secret not in gateway.said() and secret not in json.dumps(gateway.status()) and secret not in json.dumps(app(gateway, "echo"))
    told = gateway.folder / "automations" / "echo.told"
    files = files_below(gateway.folder)
    assert secret.encode() in files.pop(told) and gateway.runtime / "apps.accounts" in files
    assert not [one for one, content in files.items() if secret.encode() in content]
    for name in ("users", "rights"):
        assert (gateway.runtime / "broker" / name).stat().st_mode & 0o077 == 0


def test_rights_outlive_a_broker_that_is_killed_and_a_gateway_that_adopts_it(gateway, make_witness):
    save(gateway, "echo", ECHO)
    gateway.start()
    first = identity(gateway, "echo")
    broker = gateway.status()["broker"]["pid"]
    os.kill(broker, signal.SIGKILL)
    wait_until(lambda: ((gateway.status() or {}).get("broker") or {}).get("pid") not in (None, 0, broker) and gateway.is_ready(), "another broker")
    wait_until(lambda: listens(int(port(first))), "the broker")
    assert client(first, "-t", "allowed/x", "-m", "1") == (0, "")
    assert "not authorized" in client(first, "-t", "denied/x", "-m", "1")[1]
    broker = gateway.status()["broker"]["pid"]
    gateway.kill()
    gateway.start()
    assert gateway.status()["broker"]["pid"] == broker
    second = identity(gateway, "echo", first)
    assert client(second, "-t", "allowed/x", "-m", "1") == (0, "")
    assert client(first, "-t", "allowed/x", "-m", "1")[0] != 0
    ready(gateway, make_witness(gateway, "#"))


def test_accounts_that_are_damaged_give_nobody_a_right_and_status_says_so(gateway):
    save(gateway, "echo", ECHO)
    gateway.start()
    who = identity(gateway, "echo")
    told = (gateway.runtime / "apps.accounts").read_text()
    for bad in ("{", told.replace('"echo"', '"+"'), told.replace("ask/+", "x\\nuser y\\ntopic #"), told.replace('"$7$', '"7$')):
        assert bad != told
        (gateway.runtime / "apps.accounts").write_text(bad)
        wait_until(lambda: client(who, "-t", "allowed/x", "-m", "1")[0] != 0, f"no right by {bad}")
        wait_until(lambda: "no automation gets the rights that it names" in json.dumps(gateway.status()["broker"]["warnings"]), "a word about it")
        (gateway.runtime / "apps.accounts").write_text(told)
        wait_until(lambda: client(who, "-t", "allowed/x", "-m", "1")[0] == 0, "the right again")
