# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""tidegate.gpio as far as it goes without a line; with lines it is tested in tests/vm/inside."""
import subprocess
import sys

import pytest

import tidegate
from tidegate import gpio


def test_importing_opens_nothing():
    done = subprocess.run([sys.executable, "-c", """
import os, threading
import tidegate
before = sorted(os.listdir('/proc/self/fd'))
from tidegate import gpio
assert sorted(os.listdir('/proc/self/fd')) == before
assert threading.active_count() == 1
"""], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name, mend", [("17", "GPIO17"), ("gpiochip0:17", "another boot"), ("BOARD1", "3.3 V"), ("", "no line is named")])
def test_a_name_that_cannot_be_meant_is_refused_with_what_is(name, mend):
    with pytest.raises(tidegate.ConfigError, match=mend):
        gpio.find(name)


def test_a_line_that_is_not_there_is_told_with_what_is():
    with pytest.raises(tidegate.UnavailableError, match='there is no GPIO line "no-such-line"'):
        gpio.request_input("no-such-line")


def test_an_edge_is_a_tuple_with_names():
    edge = gpio.Edge((True, 1_500_000_000, 3))
    assert (edge.active, edge.time, edge.time_ns, edge.sequence) == (True, 1.5, 1_500_000_000, 3)
    assert repr(edge) == "Edge(active=True, time=1.5, sequence=3)"


def test_what_this_user_may_not_open_has_its_mend():
    assert all("sudo" in mend for mend in gpio.refused().values())
