# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Against what Linux itself says in /proc, read here by other means."""
import os
import shutil
import time

import pytest

import tidegate
from tidegate import App, system


def test_net_io_is_the_kernels_counters_of_each_interface():
    kernel = {}
    for line in open("/proc/net/dev", encoding="ascii").read().splitlines()[2:]:
        name, _, fields = line.partition(":")
        kernel[name.strip()] = [int(field) for field in fields.split()]
    interfaces = system.net_io(per_interface=True)
    assert set(interfaces) == set(kernel)
    for name, counters in interfaces.items():
        assert set(counters) == {"bytes_sent", "bytes_recv", "packets_sent", "packets_recv", "errin", "errout", "dropin",
                                 "dropout"}
        assert 0 <= counters["bytes_recv"] - kernel[name][0] or counters["bytes_recv"] >= kernel[name][0]
        assert counters["bytes_sent"] >= kernel[name][8]


def test_net_io_is_the_sum_without_loopback():
    total = system.net_io()
    before = system.net_io(per_interface=True)
    names = [name for name in before if name != "lo"]
    assert total["bytes_recv"] <= sum(before[name]["bytes_recv"] for name in names) or not names
    assert system.net_io("lo")["bytes_sent"] >= before["lo"]["bytes_sent"]
    with pytest.raises(KeyError):
        system.net_io("no such interface")


def test_cpu_percent_of_a_busy_while_is_above_nothing_and_at_most_a_hundred():
    system.cpu_percent()
    end = time.monotonic() + 0.2
    while time.monotonic() < end:
        sum(range(1000))
    assert 0 < system.cpu_percent() <= 100


def test_memory_load_disk_and_uptime_agree_with_other_sources():
    memory = system.memory()
    assert memory["total"] == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") or memory["total"] > 0
    assert 0 < memory["available"] <= memory["total"] and 0 <= memory["percent"] <= 100
    assert set(system.load()) == {"one", "five", "fifteen"}
    assert system.disk("/")["total"] == shutil.disk_usage("/").total
    assert abs(system.uptime() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 2


def test_temperatures_are_numbers_by_name_or_none_are_there():
    for name, celsius in system.temperatures().items():
        assert isinstance(name, str) and (celsius is None or -100 < celsius < 200)


def test_a_file_system_that_is_not_there_is_an_os_error_with_its_number():
    with pytest.raises(tidegate.SystemCallError) as caught:
        system.disk("/no/such/place")
    assert isinstance(caught.value, OSError) and caught.value.errno == 2
    assert "/no/such/place" in str(caught.value)


def test_an_app_has_it_all_at_hand():
    assert App.system.uptime() > 0
