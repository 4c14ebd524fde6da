# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The real tidegate-apps with real scripts: what runs, when, and that a bad one takes nothing else with it."""
import json
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest
from parts import BINARY_DIR, DEADLINE, ask, interpreter, tool_environment, wait_until

STEADY = "import time\nprint('steady')\nwhile True:\n    time.sleep(60)\n"


def lives(pid):
    """Also not as a zombie."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_dead(*pids):
    wait_until(lambda: not any(lives(pid) for pid in pids), f"the end of {pids}")


@pytest.fixture
def apps(make_apps):
    """With a neighbour, which no bad script may touch."""
    one = make_apps()
    one.save("neighbour", STEADY)
    one.start()
    pid = one.wait_state("neighbour", "running")["pid"]
    supervisor = one.process.pid
    yield one
    assert one.process.pid == supervisor and one.process.poll() is None, f"tidegate-apps ended:\n{one.said()}"
    neighbour = one.app("neighbour")
    assert neighbour["state"] == "running" and neighbour["pid"] == pid and neighbour["restarts"] == 0


def test_a_script_that_is_there_runs_and_what_it_writes_is_logged_under_its_name(apps):
    assert apps.wait_line("neighbour", "steady") == "steady"
    wait_until(lambda: "neighbour: steady\n" in apps.said(), "the line in the log")
    status, listed = apps.command("list")
    assert status == 0 and "neighbour  running" in listed
    status, logs = apps.command("logs", "neighbour", "-n", "1")
    assert status == 0 and logs.endswith(" steady\n")


def test_a_file_that_comes_is_run_saved_is_run_again_and_removed_is_ended(apps):
    apps.save("clock", "import time\nprint('first')\ntime.sleep(60)\n")
    first = apps.wait_state("clock", "running")["pid"]
    apps.wait_line("clock", "first")
    apps.save("clock", "import time\nprint('second')\ntime.sleep(60)\n")
    apps.wait_line("clock", "second")
    assert not lives(first)
    second = apps.app("clock")
    assert second["state"] == "running" and second["restarts"] == 0
    # In place, without a file beside.
    (apps.scripts / "clock.py").write_text("import time\nprint('third')\ntime.sleep(60)\n")
    apps.wait_line("clock", "third")
    assert not lives(second["pid"])
    third = apps.app("clock")["pid"]
    (apps.scripts / "clock.py").unlink()
    wait_dead(third)
    wait_until(lambda: apps.app("clock") is None, "an end of clock in the list")


def test_what_editors_write_for_a_while_and_shared_modules_are_not_run(apps):
    (apps.scripts / "_words.py").write_text("WORD = 'shared'\nprint('imported')\n")
    for name in (".hidden.py", "#clock.py#", "clock.py~", ".clock.py.swp", "notes.txt"):
        (apps.scripts / name).write_text(STEADY)
    apps.save("clock", "import _words, time\nprint(_words.WORD)\ntime.sleep(60)\n")
    apps.wait_line("clock", "shared")
    assert [one["name"] for one in apps.call("app.list")["result"]["apps"]] == ["clock", "neighbour"]


def test_a_script_that_raises_is_started_again_ever_later_and_says_why(apps):
    apps.save("raises", "import os\nprint('began')\nraise ValueError('no sensor')\n")
    app = apps.wait_app("raises", lambda app: app["restarts"] >= 4)
    assert app["limits"] == ""
    app = apps.wait_state("raises", "waiting")
    assert app["why"] == "it ended with status 1; started again after 200ms"
    lines = apps.lines("raises")
    assert "ValueError: no sensor" in lines and any("raises.py\", line 3" in line for line in lines)
    wait_until(lambda: "raises: it ended with status 1" in apps.command("list")[1], "the list to say so, between two runs")


@pytest.mark.parametrize("code, restart, state", [
    (0, "on-failure", "finished"), (0, "always", "again"), (0, "never", "finished"),
    (3, "on-failure", "again"), (3, "always", "again"), (3, "never", "failed")])
def test_a_script_that_exits_is_started_again_as_its_header_says(apps, code, restart, state):
    apps.save("exits", f"# tidegate: restart={restart}\nimport sys\nsys.exit({code})\n")
    if state == "again":
        apps.wait_app("exits", lambda app: app["restarts"] >= 2)
    else:
        assert apps.wait_state("exits", state)["why"] == f"it ended with status {code}"
        assert apps.app("exits")["restarts"] == 0


def test_a_script_that_segfaults_is_started_again(apps):
    apps.save("crashes", "import ctypes\nprint('reads 0', flush=True)\nctypes.string_at(0)\n")
    apps.wait_app("crashes", lambda app: app["restarts"] >= 1)
    apps.wait_line("crashes", "-- it was killed by signal 11 (Segmentation fault)")
    assert "warning: crashes: it was killed by signal 11 (Segmentation fault), after" in apps.said()


def test_a_script_that_hangs_is_killed_when_its_time_to_stop_is_over(apps):
    apps.save("hangs", "# tidegate: stop_timeout=200ms\nimport signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
              "print('deaf')\nwhile True:\n    time.sleep(60)\n")
    apps.wait_line("hangs", "deaf")
    pid = apps.app("hangs")["pid"]
    status, said = apps.command("stop", "hangs")
    assert status == 0 and said == "hangs is stopping\n"
    apps.wait_state("hangs", "stopped")
    assert not lives(pid)
    assert "-- does not end within 200ms: it is killed" in apps.lines("hangs")


def test_a_script_that_leaks_ends_at_its_memory_limit(apps):
    apps.save("leaks", "# tidegate: memory=64MiB restart=never\nimport threading\nthreading.Thread(target=print, args=('threads work',)).start()\n"
              "kept = []\nwhile True:\n    kept.append(bytearray(1 << 20))\n")
    app = apps.wait_state("leaks", "failed")
    assert app["limits"].startswith("memory 64MiB (")
    assert "threads work" in apps.lines("leaks")
    # Newer Pythons have not enough left for a traceback, and name the type otherwise.
    assert any("MemoryError" in line for line in apps.lines("leaks")) or "memory limit" in app["why"]


def test_a_script_that_opens_too_many_files_is_refused_more(apps):
    apps.save("opens", "# tidegate: files=32 restart=never\nkept = []\nwhile True:\n    kept.append(open('/dev/null'))\n")
    assert apps.wait_state("opens", "failed")["limits"] == "files 32 (setrlimit)"
    apps.wait_line("opens", "Too many open files")


def test_a_script_that_is_busy_is_kept_to_its_share_of_the_processor(apps):
    apps.save("busy", "# tidegate: cpu=20%\nwhile True:\n    pass\n")
    pid = apps.wait_state("busy", "running")["pid"]
    assert apps.app("busy")["limits"].startswith("cpu 20% (")

    def used():
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    wait_until(lambda: used() >= 0.3, "what it may use at first")
    began, before = time.monotonic(), used()
    wait_until(lambda: used() >= before + 0.4, "more")
    assert (used() - before) / (time.monotonic() - began) < 0.4
    # It is paused most of the time, and ends at once nevertheless.
    assert apps.command("stop", "busy")[0] == 0
    apps.wait_state("busy", "stopped")


def test_what_a_script_has_started_ends_with_it(apps):
    apps.save("forks", """import os, subprocess, time
ready, tell = os.pipe()
child = subprocess.Popen(["sleep", "600"])
moved = subprocess.Popen(["sleep", "600"], start_new_session=True)
print("children", child.pid, moved.pid)  # before there are two who print: one line is several writes
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print("daemon", os.getpid())
        os.write(tell, b"!")
        time.sleep(600)
    os._exit(0)
os.read(ready, 1)
os._exit(1)
""")
    daemon = int(apps.wait_line("forks", "daemon").split()[1])
    children = [int(word) for word in apps.wait_line("forks", "children").split()[1:]]
    apps.wait_app("forks", lambda app: app["restarts"] >= 1)
    wait_dead(daemon, *children)


@pytest.fixture
def delegated(tmp_path):
    """A control group as systemd hands one over with Delegate=yes; what is put before a command to have it run in there."""
    root = next((pathlib.Path(place) for place in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
                 if (pathlib.Path(place) / "cgroup.procs").exists()), None)
    if root is None or os.geteuid() != 0:
        pytest.skip("needs root, and control groups of version 2")
    group = root / f"tidegate-test-{os.getpid()}"
    try:
        group.mkdir()
        os.setxattr(group, "trusted.delegate", b"1")
    except OSError as error:
        pytest.skip(f"cannot make a control group: {error}")
    enter = tmp_path / "enter"
    # With controllers in use the kernel wants processes in the leaves: then as with DelegateSubgroup=supervisor.
    enter.write_text(f"""#!/bin/sh
echo $$ 2>/dev/null >{group}/cgroup.procs || echo $$ >{group}/supervisor/cgroup.procs
exec "$@"
""")
    enter.chmod(0o755)
    yield group, enter
    for one in (*group.iterdir(), group):
        if one.is_dir():
            one.rmdir()


def test_in_a_control_group_nothing_that_a_script_has_started_can_get_away(delegated, make_apps):
    group, enter = delegated
    apps = make_apps()
    apps.wrapper = (str(enter),)
    apps.save("forks", """import os, subprocess, time
hidden = subprocess.Popen(["sleep", "600"], start_new_session=True, env={})
print("hidden", hidden.pid)
time.sleep(600)
""")
    apps.start()
    hidden = int(apps.wait_line("forks", "hidden").split()[1])
    members = [int(word) for word in (group / "app-forks" / "cgroup.procs").read_text().split()]
    assert sorted(members) == sorted([apps.app("forks")["pid"], hidden])
    assert (group / "supervisor" / "cgroup.procs").read_text().split() == [str(apps.process.pid)]
    assert f"automations run in control groups below {group}\n" in apps.said()
    apps.command("stop", "forks")
    apps.wait_state("forks", "stopped")
    assert not lives(hidden) and not (group / "app-forks").exists()
    apps.command("start", "forks")
    apps.wait_app("forks", lambda app: app["state"] == "running")
    wait_until(lambda: len((group / "app-forks" / "cgroup.procs").read_text().split()) == 2, "both processes")
    members = [int(word) for word in (group / "app-forks" / "cgroup.procs").read_text().split()]
    # What one that is killed has left is ended by the next.
    apps.kill()
    apps.start()
    apps.wait_state("forks", "running")
    assert not any(lives(pid) for pid in members)


def test_in_a_control_group_limits_hold_for_all_that_a_script_has_started(delegated, make_apps):
    group, enter = delegated
    if not {"memory", "cpu"} <= set((group / "cgroup.controllers").read_text().split()):
        pytest.skip("this machine's control groups of version 2 have no controllers for memory and cpu")
    apps = make_apps()
    apps.wrapper = (str(enter),)
    apps.save("forks", """# tidegate: memory=64MiB restart=never
import os, time
for n in range(4):
    if os.fork() == 0:
        kept = bytearray(b"x" * (30 << 20))
        time.sleep(600)
time.sleep(600)
""")
    apps.save("busy", "# tidegate: cpu=20%\nimport os\nos.fork()\nwhile True:\n    pass\n")
    apps.start()
    forks = apps.wait_state("forks", "failed")
    assert forks["limits"] == "memory 64MiB (control group)"
    assert forks["why"] == "it was killed by signal 9 (Killed), for it had reached its memory limit"
    assert not (group / "app-forks").exists()
    assert apps.wait_state("busy", "running")["limits"] == "cpu 20% (control group)"

    def used():
        return int((group / "app-busy" / "cpu.stat").read_text().split()[1]) / 1e6

    wait_until(lambda: used() >= 0.3, "what it may use at first")
    began, before = time.monotonic(), used()
    wait_until(lambda: used() >= before + 0.4, "more")
    assert (used() - before) / (time.monotonic() - began) < 0.3


def test_a_script_that_floods_its_output_is_slowed_down_and_the_log_stays_small(apps):
    apps.save("floods", "import os\nline = b'again and again\\n' * 4096\nwhile True:\n    os.write(1, line)\n")
    apps.wait_line("floods", "again and again")
    apps.save("quiet", "print('heard')\n")
    apps.wait_line("quiet", "heard")
    apps.wait_line("floods", "lines were left out: it writes more than 100 a second)")
    # At 16 bytes a line and a MiB a second, a thousand times more came than was kept.
    assert apps.said().count("floods: again and again") < 5000
    assert len(apps.lines("floods")) <= 1000
    (apps.scripts / "floods.py").unlink()
    wait_until(lambda: apps.app("floods") is None, "an end of it")


def test_output_that_is_no_text_is_escaped_and_a_long_line_is_cut(apps):
    apps.save("babbles", r"""import os
os.write(1, b"\xff\xfe\x1b[2J 21 \xc2\xb0C\nno line end: " + b"x" * 100_000)
os.write(2, b" error")
""")
    apps.wait_state("babbles", "finished")
    lines = apps.lines("babbles")
    assert lines[1] == r"\xff\xfe\u001b[2J 21 °C"
    assert lines[2] == ("no line end: " + "x" * 4096)[:4096] + "…"


def test_a_mistake_in_a_header_is_told_with_its_place_and_mended_by_a_save(apps):
    apps.save("wrong", "# tidegate: memory=64M cpu=all\nprint('runs')\n")
    why = apps.wait_state("wrong", "failed")["why"]
    file = apps.scripts / "wrong.py"
    assert f'{file}:1:13: memory: "64M" has an unknown unit; did you mean "64MiB"?' in why
    assert f'{file}:1:24: cpu: "all" is no share of a processor; write it like "50%"' in why
    assert f"error: {file}:1:13: memory:" in apps.said()
    assert apps.lines("wrong") == []
    apps.save("wrong", "# tidegate: memory=64MiB cpu=50%\nprint('runs')\n")
    apps.wait_line("wrong", "runs")


def test_an_interpreter_that_is_not_there_is_told_and_waited_for(apps):
    apps.save("venv", "# tidegate: python=../venv\nimport sys\nprint('prefix', sys.prefix)\n")
    app = apps.wait_app("venv", lambda app: app["state"] == "waiting")
    venv = apps.folder / "venv"
    assert app["why"] == (f"python names {venv}, and {venv} cannot be run: No such file or directory. Name an interpreter, or a virtual "
                          f"environment made with: python3 -m venv {venv}")
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", venv], check=True, env=tool_environment())
    apps.wait_line("venv", f"prefix {venv}")


def test_the_configuration_goes_before_the_header_and_the_header_before_what_is_usual(make_apps):
    apps = make_apps('[[automation]]\nname = "limited"\nmemory = "128MiB"\n[[automation]]\nname = "off"\nrun = false\n',
                     automations='files = 64\nmemory = "32MiB"\n')
    apps.save("limited", "# tidegate: memory=1GiB files=128 restart=never\nimport time\ntime.sleep(60)\n")
    apps.save("usual", STEADY)
    apps.save("off", STEADY)
    apps.start()
    limits = apps.wait_state("limited", "running")["limits"]
    assert limits.startswith("memory 128MiB (") and limits.endswith("files 128 (setrlimit)")
    assert apps.wait_state("usual", "running")["limits"].startswith("memory 32MiB (")
    assert apps.wait_state("off", "stopped")["why"] == "run = false"


def test_one_that_is_told_to_stop_stays_so_until_it_is_told_to_start(apps):
    apps.save("clock", STEADY)
    pid = apps.wait_state("clock", "running")["pid"]
    assert apps.command("stop", "clock") == (0, "clock is stopping\n")
    apps.wait_state("clock", "stopped")
    assert not lives(pid)
    apps.save("clock", STEADY + "# saved\n")
    apps.save("mark", "print('seen')\n")
    apps.wait_line("mark", "seen")
    assert apps.app("clock")["state"] == "stopped"
    assert apps.command("start", "clock") == (0, "clock is running\n")
    again = apps.app("clock")["pid"]
    assert apps.command("start", "clock") == (0, "clock is running\n") and apps.app("clock")["pid"] == again
    assert apps.command("restart", "clock")[0] == 0
    apps.wait_app("clock", lambda app: app["state"] == "running" and app["pid"] != again)
    assert not lives(again)


def test_a_name_that_is_not_there_is_an_error_that_says_which_are(apps):
    status, said = apps.command("restart", "clok")
    assert status == 1 and said == 'tidegate: there is no automation "clok"; there are neighbour\n'


def test_without_a_supervisor_the_command_line_says_what_to_start(make_apps):
    apps = make_apps()
    status, said = apps.command("list")
    assert status == 69
    assert said.startswith(f"tidegate: tidegate-apps is not running (no {apps.runtime / 'apps.sock'}); start it with: tidegate-apps")


def test_scripts_end_with_a_supervisor_that_is_killed_and_none_runs_twice(make_apps):
    apps = make_apps()
    apps.save("clock", "import subprocess, time\nchild = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
              "print('child', child.pid)\ntime.sleep(600)\n")
    apps.start()
    child = int(apps.wait_line("clock", "child").split()[1])
    pid = apps.app("clock")["pid"]
    apps.kill()
    wait_dead(pid)
    assert lives(child)
    apps.start()
    again = apps.wait_state("clock", "running")["pid"]
    assert not lives(child)
    assert "ended 1 processes of automations that a supervisor that was killed has left" in apps.said()
    apps.stop()
    assert not lives(again)


def test_there_is_one_supervisor_in_a_place(apps):
    second = subprocess.run([BINARY_DIR / "bin" / "tidegate-apps", "--config", str(apps.file)], stderr=subprocess.PIPE, text=True,
                            timeout=DEADLINE, env=tool_environment())
    assert second.returncode == 69 and "answers on" in second.stderr


def test_a_stop_of_the_supervisor_lets_scripts_end_in_order(make_apps):
    apps = make_apps()
    apps.save("polite", "import signal, sys, time\n"
              "def bye(*_):\n    print('bye')\n    sys.exit(0)\n"
              "signal.signal(signal.SIGTERM, bye)\nprint('hello')\ntime.sleep(600)\n")
    apps.start()
    apps.wait_line("polite", "hello")
    assert apps.stop() == 0
    assert "polite: bye\n" in apps.said()


APP = """from tidegate import App
app = App()
@app.on("ask")
def answer(text):
    app.publish("answer", app.name + " heard " + text)
@app.startup
def ready():
    app.publish("ready", "yes", retain=True)
app.run()
"""


@pytest.fixture
def gateway(make_gateway, tmp_path):
    """One that is started by hand, with a folder of automations beside its configuration."""
    one = make_gateway(f'[automations]\npython = "{interpreter(tmp_path)}"\nbackoff_first = "50ms"\n')
    (one.folder / "automations").mkdir()
    return one


def apps_of(gateway):
    answer = ask(gateway.runtime / "apps.sock", "app.list")
    return {app["name"]: app for app in answer["result"]["apps"]} if answer else {}


def supervisor_of(gateway):
    pid = gateway.process.pid
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return next(int(child) for child in children if pathlib.Path(f"/proc/{child}/comm").read_text() == "tidegate-apps\n")


def test_a_gateway_that_is_started_by_hand_runs_the_automations_beside_its_configuration(gateway, make_witness):
    (gateway.folder / "automations" / "echo.py").write_text(APP)
    gateway.start()
    local = make_witness(gateway, "answer", "ready", "tidegate/gw/app/#")
    local.wait_payload("ready", "yes")
    local.wait_payload("tidegate/gw/app/echo/state", "running")
    broker = subprocess.run(["mosquitto_pub", "-p", str(gateway.port), "-t", "ask", "-m", "me", "-q", "1"], env=tool_environment())
    assert broker.returncode == 0
    local.wait_payload("answer", "echo heard me")
    late = make_witness(gateway, "tidegate/gw/app/echo/state")
    assert late.wait_payload("tidegate/gw/app/echo/state", "running")[0].retain
    (gateway.folder / "automations" / "echo.py").unlink()
    local.wait_payload("tidegate/gw/app/echo/state", "")
    assert gateway.stop() == 0


def test_the_script_of_the_documentation_runs(gateway, make_witness):
    text = (pathlib.Path(os.environ["TIDEGATE_SOURCE_DIR"]) / "docs" / "automations.md").read_text(encoding="utf-8")
    script = re.search(r"automations/hello.py <<'END'\n(.*?)\nEND\n", text, re.DOTALL)[1]
    gateway.start()
    local = make_witness(gateway, "hello")
    # The sanitizer's memory is beyond any limit.
    (gateway.folder / "automations" / "hello.py").write_text(script.replace("memory=128MiB", "files=128") + "\n")
    local.wait_payload("hello", "world")


def test_automations_end_with_the_gateway_that_runs_them_however_that_ends(gateway):
    (gateway.folder / "automations" / "steady.py").write_text(STEADY)
    gateway.start()
    wait_until(lambda: apps_of(gateway).get("steady", {}).get("state") == "running", "the script")
    script, supervisor = apps_of(gateway)["steady"]["pid"], supervisor_of(gateway)
    assert gateway.stop() == 0
    assert not lives(script) and not lives(supervisor)
    gateway.start()
    wait_until(lambda: apps_of(gateway).get("steady", {}).get("state") == "running", "the script")
    script, supervisor = apps_of(gateway)["steady"]["pid"], supervisor_of(gateway)
    gateway.kill()
    wait_dead(script, supervisor)


def test_a_supervisor_that_is_killed_is_started_again_and_the_gateway_does_not_notice_more(gateway):
    (gateway.folder / "automations" / "steady.py").write_text(STEADY)
    gateway.start()
    wait_until(lambda: apps_of(gateway).get("steady", {}).get("state") == "running", "the script")
    script, supervisor = apps_of(gateway)["steady"]["pid"], supervisor_of(gateway)
    os.kill(supervisor, signal.SIGKILL)
    wait_dead(script)
    wait_until(lambda: apps_of(gateway).get("steady", {}).get("state") == "running", "the script again")
    assert apps_of(gateway)["steady"]["pid"] != script
    wait_until(lambda: gateway.status()["health"]["ok"], "a gateway in good health")


def test_check_reads_what_the_configuration_and_the_scripts_say(make_apps):
    apps = make_apps('[[automation]]\nname = "gone"\n')

    def check():
        done = subprocess.run([BINARY_DIR / "bin" / "tidegate", "check", str(apps.file)], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=DEADLINE, env=tool_environment())
        return done.returncode, done.stdout

    apps.save("clock", "# tidegate: memory=64MiB\n")
    status, said = check()
    assert status == 0 and f"there is no {apps.scripts / 'gone.py'}; is it the name of a file in" in said
    apps.save("clock", "# tidegate: memory=64MiB cpuu=50%\n")
    status, said = check()
    assert status == 78 and f"{apps.scripts / 'clock.py'}:1:26: cpuu: there is no such option; did you mean cpu?" in said
    apps.file.write_text('[automations]\nmemry = "1GiB"\n[[automation]]\nname = "clock.py"\ncpu = "50"\n[[automation]]\nname="x"\nfiles=3\n')
    status, said = check()
    assert status == 78
    assert f'{apps.file}:2:1: [automations] memry: there is no such key; did you mean' in said or "memry" in said
    assert f'{apps.file}:4:' in said and 'is that of the file without its end: "clock"' in said
    assert f'{apps.file}:5:' in said and "is no share of a processor" in said
    assert f'{apps.file}:8:' in said


def test_the_json_of_the_list_has_every_fact(apps):
    status, said = apps.command("list", "--json")
    facts = json.loads(said)["apps"][0]
    assert status == 0 and facts["name"] == "neighbour" and facts["pid"] == apps.app("neighbour")["pid"]
    assert facts["memory"] > 1_000_000 and facts["restarts"] == 0 and facts["since"].endswith("Z")


def test_a_reload_starts_again_what_is_run_otherwise_and_nothing_else(apps):
    apps.save("clock", STEADY)
    first = apps.wait_state("clock", "running")["pid"]
    before = apps.file.read_text()
    apps.file.write_text(before + '[[automation]]\nname = "clock"\nfiles = 99\n')
    assert apps.call("reload")["result"] == {"applied": True}
    app = apps.wait_app("clock", lambda app: app["state"] == "running" and app["pid"] != first)
    assert app["limits"] == "files 99 (setrlimit)"
    apps.file.write_text(before + '[[automation]]\nname = "clock"\nfile = 99\n')
    answer = apps.call("reload")["result"]
    assert not answer["applied"] and f"{apps.file}:" in answer["why"] and 'did you mean "files"' in answer["why"]
    assert apps.app("clock")["pid"] == app["pid"]
    apps.file.write_text(before + '[[automation]]\nname = "clock"\nrun = false\n')
    apps.process.send_signal(signal.SIGHUP)
    apps.wait_state("clock", "stopped")
    apps.file.write_text(before)
    apps.process.send_signal(signal.SIGHUP)
    apps.wait_state("clock", "running")


def test_a_reload_with_another_folder_ends_the_scripts_of_the_old_one_and_begins_those_of_the_new(make_apps):
    apps = make_apps()
    apps.save("clock", STEADY)
    apps.save("old", STEADY)
    apps.start()
    first = apps.wait_state("clock", "running")["pid"]
    apps.wait_state("old", "running")
    other = apps.folder / "others"
    other.mkdir()
    (other / "clock.py").write_text(STEADY.replace("steady", "other"))
    apps.file.write_text(apps.file.read_text().replace("[automations]\n", f'[automations]\nfolder = "{other}"\n'))
    assert apps.call("reload")["result"] == {"applied": True}
    apps.wait_line("clock", "other")
    assert not lives(first) and apps.app("old") is None
