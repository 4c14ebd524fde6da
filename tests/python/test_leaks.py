# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Memory stays flat, however many messages pass. tools/soak leaks has a million of them pass through a real broker."""
import pytest

from leak_run import growth


def test_messages_from_the_dispatcher_on_leave_nothing_behind():
    blocks, heap = growth("none", 100_000)
    assert blocks < 0.03 and heap < 1


def test_messages_through_a_real_broker_leave_nothing_behind_in_python_and_in_the_core(broker):
    blocks, heap = growth(broker.url, 20_000)
    assert blocks < 0.1 and heap < 8


@pytest.mark.parametrize("leak", ["python", "heap"])
def test_what_each_message_leaves_behind_would_be_seen(leak):
    blocks, heap = growth("none", 10_000, leak)
    assert blocks > 1 if leak == "python" else heap > 60
