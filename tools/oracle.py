# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The conservation oracle: nothing that was accepted may vanish.

Each producer stamps its messages (producer, 1), (producer, 2), … . At the end every accepted stamp must be exactly one
of: delivered, still spooled, or given up and counted (dead-lettered, evicted, expired). What is none of these is lost.
A stamp that was sent, but never confirmed to its producer, may or may not arrive: it is uncertain, and never lost.

Pure: no clock, no process, no network. Not thread-safe.
"""

import collections
import dataclasses
import re

_STAMP = re.compile(r"^([A-Za-z0-9_.-]+) ([0-9]+)(?: |$)")


def stamp(producer, n, rest=""):
    """The payload of the n-th message of a producer: "producer n rest"."""
    return f"{producer} {n} {rest}".rstrip()


def read_stamp(payload):
    """(producer, n) of a stamped payload; None for any other."""
    match = _STAMP.match(payload)
    return (match[1], int(match[2])) if match else None


@dataclasses.dataclass(frozen=True)
class Verdict:
    sent: int  # stamped and handed to the producer's client
    accepted: int  # of these, confirmed to the producer
    uncertain: int  # of these, not confirmed
    delivered: int  # accepted, and seen at the far end
    duplicated: int  # copies beyond the first, of anything sent
    out_of_order: int  # first copies that arrived after a later one of the same producer
    unexpected: int  # arrived, though nobody sent them
    spooled: int  # still in the gateway, as it says
    given_up: int  # dead-lettered, evicted or expired, as it says
    missing: tuple  # accepted (producer, n) that did not arrive

    @property
    def lost(self):
        """Missing and not accounted for."""
        return max(0, len(self.missing) - self.spooled - self.given_up)

    @property
    def holds(self):
        """Everything accepted is accounted for, nothing was invented, and there was something to judge."""
        return self.accepted > 0 and self.lost == 0 and self.unexpected == 0

    def __str__(self):
        text = f"accepted {self.accepted}, delivered {self.delivered}, duplicated {self.duplicated}, lost {self.lost}"
        for name in ("spooled", "given_up", "uncertain", "out_of_order", "unexpected"):
            if number := getattr(self, name):
                text += f", {name.replace('_', ' ')} {number}"
        return text


class Ledger:
    """What some producers sent and got confirmed, and what arrived of it."""

    def __init__(self):
        self._sent = collections.defaultdict(set)
        self._accepted = collections.defaultdict(set)
        self._arrived = collections.defaultdict(collections.Counter)
        self._highest = collections.Counter()
        self._out_of_order = 0

    def sent(self, producer, n):
        """Handed to the producer's client; its confirmation is still out."""
        self._sent[producer].add(n)

    def accept(self, producer, n):
        """Confirmed to the producer: PUBACK, PUBCOMP, or a receipt."""
        self._sent[producer].add(n)
        self._accepted[producer].add(n)

    def accept_all(self, producer):
        """Everything this producer has sent so far is confirmed."""
        self._accepted[producer] |= self._sent[producer]

    def arrived(self, producer, n):
        """Seen at the far end, once more."""
        seen = self._arrived[producer]
        seen[n] += 1
        if seen[n] == 1:
            self._out_of_order += n < self._highest[producer]
            self._highest[producer] = max(n, self._highest[producer])

    def count_arrived(self, producer):
        return len(self._arrived[producer])

    def count_sent(self, producer):
        return len(self._sent[producer])

    def verdict(self, *, spooled=0, given_up=0):
        """Judges what is known now; the gateway's own numbers explain what is missing."""
        missing, delivered, duplicated, unexpected = [], 0, 0, 0
        for producer in sorted({*self._sent, *self._arrived}):
            sent, accepted, arrived = self._sent[producer], self._accepted[producer], self._arrived[producer]
            missing += [(producer, n) for n in sorted(accepted - arrived.keys())]
            delivered += len(accepted & arrived.keys())
            duplicated += sum(copies - 1 for n, copies in arrived.items() if n in sent)
            unexpected += sum(copies for n, copies in arrived.items() if n not in sent)
        everything = sum(map(len, self._sent.values()))
        accepted = sum(map(len, self._accepted.values()))
        return Verdict(
            sent=everything,
            accepted=accepted,
            uncertain=everything - accepted,
            delivered=delivered,
            duplicated=duplicated,
            out_of_order=self._out_of_order,
            unexpected=unexpected,
            spooled=spooled,
            given_up=given_up,
            missing=tuple(missing),
        )
