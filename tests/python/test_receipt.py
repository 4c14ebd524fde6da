# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Receipts by themselves: told what a gateway would tell."""
import asyncio
import gc
import threading
import time
import weakref

import pytest

from tidegate import ConfigError, Receipt


def test_a_new_receipt_has_reached_nothing_and_gives_no_reason():
    receipt = Receipt("a")
    assert not receipt.accepted.is_set() and not receipt.durable.is_set() and not receipt.delivered.is_set()
    assert receipt.reason is None and receipt.upstreams is None
    assert receipt.accepted.wait(0) is False


def test_delivered_is_set_only_when_every_upstream_of_accepted_has_said_so():
    receipt = Receipt("a")
    receipt._tell(b'{"receipt":"accepted","upstreams":["cloud","lab"]}')
    assert receipt.accepted.is_set() and receipt.upstreams == ("cloud", "lab")
    receipt._tell(b'{"receipt":"durable","upstream":"cloud"}')
    receipt._tell(b'{"receipt":"delivered","upstream":"lab"}')
    assert receipt.durable.is_set()  # delivered counts as durable: nothing can lose it any more
    assert not receipt.delivered.is_set()
    receipt._tell(b'{"receipt":"delivered","upstream":"cloud"}')
    assert receipt.delivered.is_set()


def test_the_order_of_the_answers_does_not_matter():
    receipt = Receipt("a")
    receipt._tell(b'{"receipt":"delivered","upstream":"cloud"}')
    assert not receipt.delivered.is_set()
    receipt._tell(b'{"receipt":"accepted","upstreams":["cloud"]}')
    assert receipt.delivered.is_set()


@pytest.mark.parametrize("answer, reason", [
    (b'{"receipt":"refused","reason":"the lane is full"}', "refused: the lane is full"),
    (b'{"receipt":"discarded","upstream":"cloud","reason":"expired"}', "discarded (cloud): expired"),
])
def test_a_refusal_ends_waiting_at_once_and_says_why(answer, reason):
    receipt = Receipt("a")
    done = []
    waiting = threading.Thread(target=lambda: done.append(receipt.delivered.wait(60)))
    waiting.start()
    receipt._tell(answer)
    waiting.join(10)
    assert done == [False] and receipt.reason == reason
    assert receipt.durable.wait() is False


def test_waiting_ends_when_the_step_is_reached_in_another_thread():
    receipt = Receipt("a")
    done = []
    waiting = threading.Thread(target=lambda: done.append(receipt.accepted.wait(60)))
    waiting.start()
    receipt._tell(b'{"receipt":"accepted","upstreams":[]}')
    waiting.join(10)
    assert done == [True]


def test_a_timeout_is_an_interval():
    begun = time.monotonic()
    assert Receipt("a").accepted.wait("50ms") is False
    assert time.monotonic() - begun >= 0.05
    with pytest.raises(ConfigError):
        Receipt("a").accepted.wait("soon")


def test_a_step_can_be_awaited_several_times_and_with_a_timeout():
    async def main():
        receipt = Receipt("a")
        asyncio.get_running_loop().call_soon(receipt._tell, b'{"receipt":"accepted","upstreams":["x"]}')
        assert await asyncio.gather(receipt.accepted, receipt.accepted) == [True, True]
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(receipt.delivered, 0.01)
        assert not receipt._watchers
        return await receipt.accepted

    assert asyncio.run(main()) is True


def test_a_loop_that_was_closed_does_not_disturb_others():
    receipt = Receipt("a")

    async def begin():
        asyncio.ensure_future(receipt.accepted._wait())
        await asyncio.sleep(0)
        receipt._watchers = list(receipt._watchers)  # as if the task was never cancelled
        return receipt._watchers

    watchers = asyncio.run(begin())
    receipt._watchers = watchers
    receipt._tell(b'{"receipt":"accepted","upstreams":[]}')
    assert receipt.accepted.is_set()


@pytest.mark.parametrize("answer", [b"", b"\xff", b"[]", b"{}", b'{"receipt":"eaten"}'])
def test_an_answer_that_is_none_is_a_value_error_and_changes_nothing(answer):
    receipt = Receipt("a")
    with pytest.raises(ValueError):
        receipt._tell(answer)
    assert receipt.reason is None and not receipt.accepted.is_set()


def test_a_receipt_that_nobody_keeps_goes_away():
    receipt = Receipt("a")
    stage, gone = receipt.accepted, weakref.ref(receipt)
    assert repr(stage) and repr(receipt)
    del receipt, stage
    gc.collect()
    assert gone() is None
