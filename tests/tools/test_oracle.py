# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The conservation oracle tells what is lost from what is late, doubled, unconfirmed or given up."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tools"))
import oracle  # noqa: E402


@pytest.fixture
def ledger():
    """Two producers with three accepted messages each."""
    made = oracle.Ledger()
    for producer in ("a", "b"):
        for n in (1, 2, 3):
            made.sent(producer, n)
        made.accept_all(producer)
    return made


def arrive(ledger, *stamps):
    for producer, n in stamps:
        ledger.arrived(producer, n)


ALL = [("a", 1), ("b", 1), ("a", 2), ("b", 2), ("a", 3), ("b", 3)]


def test_everything_once_holds(ledger):
    arrive(ledger, *ALL)
    verdict = ledger.verdict()
    assert verdict.holds
    assert str(verdict) == "accepted 6, delivered 6, duplicated 0, lost 0"


def test_one_missing_is_lost_and_named(ledger):
    arrive(ledger, *ALL[:-1])
    verdict = ledger.verdict()
    assert not verdict.holds
    assert verdict.lost == 1
    assert verdict.missing == (("b", 3),)


def test_a_copy_of_another_message_does_not_stand_in_for_a_missing_one(ledger):
    arrive(ledger, *ALL[:-1], ("a", 1))
    verdict = ledger.verdict()
    assert (verdict.delivered, verdict.duplicated, verdict.lost) == (5, 1, 1)
    assert not verdict.holds


def test_duplicates_are_counted_and_allowed(ledger):
    arrive(ledger, *ALL, ("a", 1), ("a", 1))
    assert ledger.verdict().duplicated == 2
    assert ledger.verdict().holds


def test_what_is_still_spooled_is_not_lost(ledger):
    arrive(ledger, *ALL[:4])
    assert ledger.verdict(spooled=2).holds
    assert not ledger.verdict(spooled=1).holds


def test_what_was_given_up_and_counted_is_not_lost(ledger):
    arrive(ledger, *ALL[:4])
    assert ledger.verdict(spooled=1, given_up=1).holds


def test_an_unconfirmed_message_may_arrive_or_not(ledger):
    ledger.sent("a", 4)
    ledger.sent("a", 5)
    arrive(ledger, *ALL, ("a", 4))
    verdict = ledger.verdict()
    assert verdict.holds
    assert (verdict.sent, verdict.accepted, verdict.uncertain, verdict.delivered) == (8, 6, 2, 6)


def test_a_message_that_nobody_sent_does_not_hold(ledger):
    arrive(ledger, *ALL, ("c", 1))
    verdict = ledger.verdict()
    assert verdict.unexpected == 1
    assert not verdict.holds


def test_nothing_accepted_proves_nothing():
    assert not oracle.Ledger().verdict().holds


def test_order_is_judged_by_first_copies_within_a_producer(ledger):
    arrive(ledger, ("a", 1), ("a", 2), ("a", 1), ("b", 1), ("a", 3), ("b", 3), ("b", 2))
    assert ledger.verdict().out_of_order == 1


@pytest.mark.parametrize(
    "payload, read",
    [
        (oracle.stamp("q1", 7, "12:00"), ("q1", 7)),
        (oracle.stamp("q1", 7), ("q1", 7)),
        ("q1 x", None),
        ("", None),
        ('{"n": 1}', None),
        ("q1 7x", None),
    ],
)
def test_stamps_are_read_back(payload, read):
    assert oracle.read_stamp(payload) == read
