# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Upstreams over TLS: the real tidegated against a real Mosquitto with certificates of this test's own."""
import pathlib
import select
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest
from parts import BINARY_DIR, DEADLINE, publish, tool_environment, wait_until


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


def test_the_end_of_a_servers_certificate_is_shown_and_is_a_problem_when_it_is_near(make_gateway, make_broker, authority):
    soon = time.time() + 5 * 86400
    far = tls_broker(make_broker, *authority.sign("far", until="20991231235959Z"))
    near = tls_broker(make_broker, *authority.sign("near", until=time.strftime("%Y%m%d%H%M%SZ", time.gmtime(soon))))
    calm = make_gateway(block(far.port, ca_file=authority.file), name="calm").start()
    calm.wait_state("connected")
    wait_until(lambda: calm.upstream()["certificate_until"], "the date")
    assert calm.upstream()["certificate_until"].startswith("2099-12-31T23:59:59")
    shown = subprocess.run([BINARY_DIR / "bin" / "tidegate", "status"], env=calm.environment(), capture_output=True, text=True, timeout=DEADLINE)
    assert "cloud: the server's certificate is good until 2099-12-31T23:59:59" in shown.stdout
    assert "certificate" not in str(calm.status()["health"])
    pressed = make_gateway(block(near.port, ca_file=authority.file), name="pressed").start()
    wait_until(lambda: "the server's certificate is good until " + time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(soon)) in
               str(pressed.status()["health"]), "the warning")
    plain = make_gateway("", name="plain").start()
    assert plain.status()["upstreams"] == []


class Front:
    """A TLS server of Python's that takes a protocol by its name, and passes on what it is sent to a broker."""

    def __init__(self, cert, key, protocols, broker):
        self.protocols = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(cert, key)
        self._context.set_alpn_protocols(protocols)
        self._broker = broker
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                plain, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain):
        try:
            with self._context.wrap_socket(plain, server_side=True) as client:
                self.protocols.append(client.selected_alpn_protocol())
                if self.protocols[-1] is None:
                    return
                with socket.create_connection(("127.0.0.1", self._broker.port)) as broker:
                    while True:
                        for source in [client] if client.pending() else select.select([client, broker], [], [])[0]:
                            data = source.recv(1 << 14)
                            if not data:
                                return
                            (broker if source is client else client).sendall(data)
        except OSError:
            pass

    def end(self):
        self._socket.close()


def test_a_server_that_takes_several_protocols_on_a_port_is_asked_for_ours(make_gateway, upstream, authority):
    front = Front(*authority.sign("server"), ["http/1.1", "x-amzn-mqtt-ca"], upstream)
    try:
        nameless = make_gateway(block(front.port, ca_file=authority.file), name="nameless").start()
        wait_until(lambda: front.protocols, "a connection")
        assert front.protocols[0] is None
        nameless.stop()
        front.protocols.clear()
        gateway = make_gateway(block(front.port, ca_file=authority.file, alpn='["mqtt", "x-amzn-mqtt-ca"]')).start()
        gateway.wait_state("connected")
        assert set(front.protocols) <= {None, "x-amzn-mqtt-ca"} and front.protocols[-1] == "x-amzn-mqtt-ca"
        delivers(gateway, "by name")
    finally:
        front.end()


KEY, OTHER = "00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100"


def psk_block(port, key):
    text = block(port, psk_identity="greenhouse", psk_key="KEY")
    return text.replace('psk_key = "KEY"', f'psk_key = "{key}"')  # in a file that its owner alone can read


def test_a_key_that_both_sides_have_takes_the_place_of_certificates(make_gateway, make_broker, authority, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text(f"greenhouse:{KEY}\n")
    keys.chmod(0o600)
    broker = make_broker(listener=f"psk_hint test\npsk_file {keys}\nuse_identity_as_username true").start()
    gateway = make_gateway(psk_block(broker.port, KEY)).start()
    gateway.wait_state("connected")
    delivers(gateway, "sealed")
    assert gateway.upstream()["certificate_until"] is None
    assert KEY not in gateway.said() + str(gateway.status())
    wrong = make_gateway(psk_block(broker.port, OTHER), name="wrong").start()
    wait_until(lambda: failure(wrong), "a refusal")
    # A server that has a certificate and no key is another one, whoever signed that.
    certified = tls_broker(make_broker, *authority.sign("server"))
    elsewhere = make_gateway(psk_block(certified.port, KEY), name="elsewhere").start()
    wait_until(lambda: failure(elsewhere), "a refusal")
    assert wrong.upstream()["state"] != "connected" and elsewhere.upstream()["state"] != "connected"
