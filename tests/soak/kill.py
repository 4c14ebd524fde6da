# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at random moments of the real tidegated, under load, between real Mosquittos. P1, P3, P4, P5."""
import random
import threading

import trial

import oracle  # noqa: E402
import parts  # noqa: E402

WINDOW = 100  # messages under way to the upstream; as many again from the local broker to the gateway


class Load:
    """A device that publishes batches until told to stop; the ledger knows what its broker confirmed."""

    def __init__(self, port, name, qos, ledger, lock):
        self._port, self._name, self._qos, self._ledger, self._lock = port, name, qos, ledger, lock
        self._done = threading.Event()
        self.failure = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        n = 0
        try:
            while not self._done.is_set():
                batch = range(n, n + 100)
                with self._lock:
                    for one in batch:
                        self._ledger.sent(self._name, one)
                parts.publish_lines(self._port, f"device/{self._name}", [oracle.stamp(self._name, one) for one in batch], self._qos)
                with self._lock:
                    for one in batch:
                        self._ledger.accept(self._name, one)
                n += 100
        except Exception as error:  # what the trial then reports
            self.failure = error

    def stop(self):
        self._done.set()
        self._thread.join(120)


def run(options, folder, say):
    rng = random.Random(options.seed)
    upstream = parts.Broker(folder, name="upstream").start()
    witness = parts.Witness(upstream, "device/#")
    gateway = parts.Gateway(folder, f"""
[[upstream]]
name = "cloud"
servers = ["{upstream.url}"]
backoff_first = "100ms"
backoff_most = "500ms"
[[upstream.forward]]
topics = ["device/#"]
""")
    ledger, lock, loads, kills = oracle.Ledger(), threading.Lock(), [], 0
    try:
        gateway.start()
        loads = [Load(gateway.port, name, qos, ledger, lock) for name, qos in (("one", 1), ("two", 2))]
        for _ in range(options.kills):
            before = len(witness.seen())
            # A random amount of work, not of time: so the kill falls anywhere between start-up and full flow.
            witness.wait_for(lambda seen: len(seen) >= before + rng.randrange(0, 300), deadline=120)
            gateway.kill()
            gateway.launch()
            kills += 1
            if kills % 50 == 0:
                say(f"{kills} of {options.kills} kills, {len(witness.seen())} messages arrived")
        gateway.wait_state("connected")
        for load in loads:
            load.stop()
        gateway.wait_drained(300)
        expected = ledger.count_sent("one") + ledger.count_sent("two")
        witness.wait_for(lambda seen: len({one.payload for one in seen}) >= expected, deadline=120)
        for one in witness.seen():
            ledger.arrived(*oracle.read_stamp(one.payload))
        verdict = ledger.verdict(spooled=0, given_up=sum(gateway.lane()["discarded"].values()))
        failures = [str(load.failure) for load in loads if load.failure]
        holds = verdict.holds and not verdict.missing and not failures and verdict.duplicated <= kills * 2 * WINDOW
        return {"holds": holds, "kills": kills, "accepted": verdict.accepted, "lost": verdict.lost, "duplicated": verdict.duplicated,
                "verdict": f"{kills} kills; {verdict}" + "".join(f"; a device failed: {one}" for one in failures)}
    except AssertionError as error:
        return {"holds": False, "kills": kills, "verdict": f"after {kills} kills: {error}\n{gateway.said()[-2000:]}"}
    finally:
        for load in loads:
            load.stop()
        gateway.end()
        witness.stop()
        upstream.stop()


if __name__ == "__main__":
    trial.main("kill", run, kills=200)
