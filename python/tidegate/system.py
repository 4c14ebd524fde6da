# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""What this machine says about itself: plain dictionaries and numbers, ready to be published.

Names are psutil's where it has them; sizes are bytes, times seconds, temperatures degrees Celsius. Raises
SystemCallError where the kernel does not say."""
from . import _core

_last_times = None


def net_io(interface=None, per_interface=False):
    """Counters of the network: bytes_sent, bytes_recv, packets_sent, packets_recv, errin, errout, dropin, dropout.

    The sum of all interfaces without loopback; of one interface (KeyError when there is no such interface); or a
    dictionary of all interfaces by name."""
    if interface is None and not per_interface:
        return _core.net_total()
    interfaces = _core.net_io()
    return interfaces if per_interface else interfaces[interface]


def cpu_percent():
    """How busy the CPUs were since the last call in this program, 0 to 100; the first time since boot."""
    global _last_times
    now = _core.cpu_times()
    before, _last_times = _last_times or _core.CpuTimes(), now
    return _core.cpu_percent(before, now) or 0.0


def memory():
    """total, available, used, free (bytes) and percent."""
    return _core.memory()


def load():
    """Mean number of processes that ran or waited over one, five and fifteen minutes."""
    return _core.load()


def disk(path="/"):
    """total, used, free (bytes) and percent of the file system that holds path."""
    return _core.disk(str(path))


def temperatures():
    """Thermal zones by the kernel's name for them; None for one that does not answer. Empty where there are none."""
    zones = _core.temperatures()
    names = [name for _, name, _ in zones]
    return {name if names.count(name) == 1 else f"{name}-{number}": celsius for number, name, celsius in zones}


def uptime():
    """Seconds since boot, suspend included."""
    return _core.uptime()
