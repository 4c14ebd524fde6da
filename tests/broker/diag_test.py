# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""`tidegate diag`: what is in the bundle, and that no secret and no payload is."""
import json
import os
import subprocess
import tarfile

import pytest

import parts
from parts import files_below, wait_until

TIDEGATE = parts.BINARY_DIR.resolve() / "bin" / "tidegate"
MARK = "s3cret"  # in everything that must not be found
CONFIGURATION = f"""
# the password before was {MARK}-in-a-comment
[[upstream]]
name = "cloud"
servers = ["mqtts://127.0.0.1:9"]
username = "{MARK}-name"
password = {{ file = "cloud.password" }}
[upstream.tls]
cert_file = "gw.pem"
key_file = "{MARK}-keys/gw.key"
[[upstream.forward]]
topics = ["device/#"]

[[upstream]]
name = "other"
servers = ["mqtt://127.0.0.1:10"]
username = "me"
password = "{MARK}-in-so-many-words"
[[upstream.forward]]
topics = ["device/#"]
"""


def diag(*words, environment, **more):
    return subprocess.run([str(TIDEGATE), "diag", *map(str, words)], env=environment, capture_output=True, text=True, timeout=120, check=False, **more)


def unpack(file):
    """Texts by name, without the folder that all are in."""
    with tarfile.open(file) as tar:
        return {one.name.split("/", 1)[1]: tar.extractfile(one).read().decode() for one in tar if one.isfile()}


@pytest.fixture
def gateway(make_gateway):
    gateway = make_gateway(CONFIGURATION)
    keys = gateway.folder / f"{MARK}-keys"
    keys.mkdir()
    for name, text in (("cloud.password", f"{MARK} of a file\n"), (f"{MARK}-keys/gw.key", f"-----BEGIN PRIVATE KEY-----\n{MARK}\n"), ("gw.pem", "")):
        (gateway.folder / name).write_text(text)
        (gateway.folder / name).chmod(0o600)
    return gateway


def test_a_bundle_of_a_gateway_that_runs_has_all_but_secrets_and_payloads(gateway, tmp_path):
    gateway.start()
    parts.publish(gateway.port, "device/a", f"{MARK}-payload")
    wait_until(lambda: gateway.lane()["waiting"] == 1, "the message")
    file = tmp_path / "bundle.tar.gz"
    ran = diag("-o", file, "--runtime", gateway.runtime, environment=gateway.environment())
    assert ran.returncode == 0, ran.stderr
    assert file.stat().st_mode & 0o7777 == 0o600
    bundle = unpack(file)
    assert {"README", "machine.txt", "configuration/tidegate.toml", "status.json", "doctor.txt", "spool.txt", "mosquitto.conf"} <= set(bundle)
    assert json.loads(bundle["status.json"])["gateway"]["id"] == "gw"
    assert "cloud.password" in bundle["configuration/tidegate.toml"] and "127.0.0.1:9" in bundle["configuration/tidegate.toml"]
    assert f"listener {gateway.port} 127.0.0.1" in bundle["mosquitto.conf"]
    assert "cloud/default" in bundle["spool.txt"] and " ok" in bundle["doctor.txt"].splitlines()[-1]
    for name, text in bundle.items():
        assert MARK not in text, f"{name}: {text}"
        assert MARK not in name
    assert MARK not in ran.stdout + ran.stderr
    assert MARK.encode() in b"".join(files_below(gateway.state / "spool").values()), "the payload was there to be found"
    for name in bundle:
        assert f"  {name}\n" in ran.stdout
    assert "payloads of messages" in ran.stdout


def test_a_configuration_that_is_refused_is_in_it_without_its_secrets(gateway, tmp_path):
    gateway.file.write_text(CONFIGURATION.replace("mqtts://127.0.0.1:9", f"mqtts://bob:{MARK}-in-an-address@127.0.0.1:9").replace('username = "me"', "user = 1"))
    gateway.file.chmod(0o600)
    file = tmp_path / "bundle.tar.gz"
    ran = diag("-o", file, "-c", gateway.file, environment=gateway.environment())
    assert ran.returncode == 0, ran.stderr
    bundle = unpack(file)
    assert "mqtts://(left out)@127.0.0.1:9" in bundle["configuration/tidegate.toml"]
    assert "unknown key" in bundle["doctor.txt"]
    assert not [name for name, text in bundle.items() if MARK in text]
    assert "status.json: tidegated is not running" in bundle["README"]


def test_what_is_no_toml_is_left_out_as_a_whole(gateway, tmp_path):
    gateway.file.write_text(f'password = "{MARK}\n')
    ran = diag("-o", tmp_path / "bundle.tar.gz", "-c", gateway.file, environment=gateway.environment())
    assert ran.returncode == 0 and f"{gateway.file}: it cannot be read, or is no TOML" in ran.stdout
    bundle = unpack(tmp_path / "bundle.tar.gz")
    assert not [name for name, text in bundle.items() if MARK in text or name.startswith("configuration")]


def test_a_file_that_is_there_is_not_touched(gateway, tmp_path):
    file = tmp_path / "bundle.tar.gz"
    file.write_text("mine")
    ran = diag("-o", file, "-c", gateway.file, environment=gateway.environment())
    assert ran.returncode == 71 and "File exists" in ran.stderr and file.read_text() == "mine"


def test_without_a_name_it_is_made_here_with_the_time(gateway, tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    ran = diag("--json", "-c", gateway.file, environment=gateway.environment(), cwd=here)
    answer = json.loads(ran.stdout)
    assert [one.name for one in here.iterdir()] == [answer["file"]]
    assert set(unpack(here / answer["file"])) == set(answer["parts"]) and answer["left_out"]


def test_the_journal_is_in_it_without_what_automations_print_and_messages_quote(gateway, tmp_path):
    """A journalctl that is made up: a machine that runs tests has no journal of ours."""
    entries = [{"MESSAGE": "tidegated 1 runs", "SYSLOG_IDENTIFIER": "tidegated", "__REALTIME_TIMESTAMP": "1700000000000000"},
               {"MESSAGE": f"my {MARK} output", "TIDEGATE_APP": "hello", "__REALTIME_TIMESTAMP": "1"},
               {"MESSAGE": f'the command "{MARK}" is refused: "{MARK}" is none', "TIDEGATE_TOPIC": "lamp/set", "__REALTIME_TIMESTAMP": "1"},
               {"MESSAGE": f"could not connect to mqtt://bob:{MARK}@h as {MARK}-name", "__REALTIME_TIMESTAMP": "1"}]
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "journalctl").write_text("#!/bin/sh\ncat <<'END'\n" + "\n".join(map(json.dumps, entries)) + "\nEND\n")
    (programs / "journalctl").chmod(0o755)
    environment = {**gateway.environment(), "PATH": f"{programs}:{os.environ['PATH']}"}
    ran = diag("-o", tmp_path / "bundle.tar.gz", "-c", gateway.file, environment=environment)
    assert ran.returncode == 0, ran.stderr
    lines = unpack(tmp_path / "bundle.tar.gz")["journal.txt"].splitlines()
    assert lines[0] == "2023-11-14T22:13:20.000Z tidegated: tidegated 1 runs"
    assert lines[1].endswith("the command (left out) is none") and lines[2].endswith("mqtt://(left out)@h as (left out)")
    assert len(lines) == 3


def test_without_tar_nothing_is_left_behind(gateway, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    ran = diag("-o", tmp_path / "bundle.tar.gz", "-c", gateway.file, environment={**gateway.environment(), "PATH": str(empty)})
    assert ran.returncode == 69 and "no tar" in ran.stderr and not (tmp_path / "bundle.tar.gz").exists()
