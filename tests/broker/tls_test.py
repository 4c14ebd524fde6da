# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Upstreams over TLS: the real tidegated against a real Mosquitto with certificates of this test's own."""
import pathlib
import shutil
import subprocess

import pytest
from parts import DEADLINE, publish, tool_environment, wait_until


class Authority:
    """Signs certificates, with the openssl program."""

    def __init__(self, folder, name="ca"):
        self.folder, self.name = pathlib.Path(folder), name
        self.folder.mkdir(exist_ok=True)
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9", "-subj", f"/CN={name} of the test",
                     "-keyout", f"{name}.key", "-out", f"{name}.pem")
        (self.folder / f"{name}.index").write_text("")
        (self.folder / f"{name}.conf").write_text(
            f"[ca]\ndefault_ca=ca\n[ca]\ndatabase={name}.index\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\npolicy=any\nunique_subject=no\n"
            "copy_extensions=copy\n[any]\ncommonName=supplied\n")
        self.file = self.folder / f"{name}.pem"

    def openssl(self, *words):
        subprocess.run(["openssl", *words], cwd=self.folder, env=tool_environment(), check=True, capture_output=True, timeout=DEADLINE)

    def sign(self, name, since="20200101000000Z", until="20991231235959Z"):
        """The files of a certificate for this machine, and of its key."""
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                     "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        self.openssl("ca", "-batch", "-config", f"{self.name}.conf", "-cert", f"{self.name}.pem", "-keyfile", f"{self.name}.key",
                     "-startdate", since, "-enddate", until, "-in", f"{name}.csr", "-out", f"{name}.pem", "-notext")
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "certificates")


def block(port, **tls):
    lines = "\n".join(f"{key} = {value}" if str(value).startswith(("[", "false")) else f'{key} = "{value}"' for key, value in tls.items())
    return f'''
[[upstream]]
name = "cloud"
servers = ["mqtts://localhost:{port}"]
backoff_first = "20ms"
backoff_most = "100ms"
[upstream.tls]
{lines}
[[upstream.forward]]
topics = ["a/#"]
'''


def tls_broker(make_broker, cert, key, *more):
    """A Mosquitto whose one listener speaks TLS; its files may be replaced."""
    return make_broker(listener=f"certfile {cert}\nkeyfile {key}\n" + "\n".join(more)).start()


def failure(gateway):
    return (gateway.upstream() or {}).get("failure", "")


def delivers(gateway, payload):
    """Something goes through to the upstream, and is acknowledged."""
    before = gateway.lane()["delivered"] if gateway.lane() else 0
    publish(gateway.port, "a/b", payload)
    wait_until(lambda: gateway.lane() and gateway.lane()["delivered"] > before, f"{payload} delivered; {failure(gateway)}")


def test_the_gateways_own_certificate_opens_a_server_that_asks_for_one(make_gateway, make_broker, authority):
    server, client = authority.sign("server"), authority.sign("greenhouse")
    broker = tls_broker(make_broker, *server, f"cafile {authority.file}", "require_certificate true", "use_identity_as_username true")
    stranger = make_gateway(block(broker.port, ca_file=authority.file), name="stranger").start()
    wait_until(lambda: failure(stranger), "a refusal")
    assert stranger.upstream()["state"] != "connected"
    gateway = make_gateway(block(broker.port, ca_file=authority.file, cert_file=client[0], key_file=client[1])).start()
    gateway.wait_state("connected")
    delivers(gateway, "sealed")


def test_a_bundle_names_several_authorities_and_a_pinned_certificate_only_itself(make_gateway, make_broker, authority, tmp_path):
    other = Authority(tmp_path / "other", "other")
    broker = tls_broker(make_broker, *authority.sign("server"))
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(other.file.read_text() + authority.file.read_text())
    gateway = make_gateway(block(broker.port, ca_file=bundle), name="bundle").start()
    gateway.wait_state("connected")
    delivers(gateway, "by one of two")
    # A server that has signed its own certificate, and the gateway that knows that one and nothing else.
    other.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9", "-subj", "/CN=localhost",
                  "-addext", "subjectAltName=DNS:localhost", "-keyout", "own.key", "-out", "own.pem")
    itself = tls_broker(make_broker, other.folder / "own.pem", other.folder / "own.key")
    pinned = make_gateway(block(itself.port, ca_file=other.folder / "own.pem"), name="pinned").start()
    pinned.wait_state("connected")
    delivers(pinned, "by itself")
    elsewhere = make_gateway(block(broker.port, ca_file=other.folder / "own.pem"), name="elsewhere").start()
    wait_until(lambda: "unknown CA" in failure(elsewhere), "a refusal")


def test_certificates_that_are_replaced_are_taken_up_at_the_next_connection(make_gateway, make_broker, authority, tmp_path):
    first_server, first = authority.sign("server"), authority.sign("first")
    files = {name: tmp_path / name for name in ("ca.pem", "server.pem", "server.key", "client.pem", "client.key")}

    def put(**contents):
        for name, file in contents.items():
            target = files[name.replace("_", ".")]
            new = target.with_suffix(".new")
            shutil.copy(file, new)
            new.rename(target)

    put(ca_pem=authority.file, server_pem=first_server[0], server_key=first_server[1], client_pem=first[0], client_key=first[1])
    broker = tls_broker(make_broker, files["server.pem"], files["server.key"], f"cafile {files['ca.pem']}", "require_certificate true")
    gateway = make_gateway(block(broker.port, ca_file=files["ca.pem"], cert_file=files["client.pem"], key_file=files["client.key"])).start()
    gateway.wait_state("connected")
    # Another authority, on both sides: nothing of the first is good any more.
    second = Authority(tmp_path / "second", "second")
    server, client = second.sign("server"), second.sign("client")
    broker.stop()
    put(ca_pem=second.file, server_pem=server[0], server_key=server[1], client_pem=client[0], client_key=client[1])
    broker.start()
    gateway.wait_state("connected")
    delivers(gateway, "anew")


def test_a_certificate_of_the_future_or_of_the_past_is_named_with_the_clock(make_gateway, make_broker, authority):
    future = tls_broker(make_broker, *authority.sign("future", since="20980101000000Z"))
    past = tls_broker(make_broker, *authority.sign("past", until="20200102000000Z"))
    early = make_gateway(block(future.port, ca_file=authority.file), name="early").start()
    late = make_gateway(block(past.port, ca_file=authority.file), name="late").start()
    wait_until(lambda: "is not valid yet: set this machine's clock if that is wrong" in failure(early), "the reason")
    wait_until(lambda: "has expired: renew it, or set this machine's clock" in failure(late), "the reason")
