# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: makes sensors out of the kernel's own stand-ins (an lm75 on i2c-stub, IIO dummy devices, an hrtimer
trigger), and the real tidegated reads them. Says what sysfs has and what a subscriber saw, for sensors_test.py to compare."""
import ctypes
import fcntl
import json
import os
import pathlib
import socket
import struct
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "support")]

import parts  # noqa: E402

parts.DEADLINE = 120.0  # everything is slower here
CONFIGFS = pathlib.Path("/sys/kernel/config")
I2C = pathlib.Path("/sys/bus/i2c/devices")
IIO = pathlib.Path("/sys/bus/iio/devices")
ADDRESS = 0x48
MEASURED = {"lm75/temp1": 0x1980, "rate": 10}  # register of 25.5 °C; samples a second


def say(word, what):
    os.write(3, f"{word} {json.dumps(what)}\n".encode())


def loopback_up():
    with socket.socket() as one:
        fcntl.ioctl(one, 0x8914, struct.pack("16sh22x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP


def insert_module(path, parameters):
    libc = ctypes.CDLL(None, use_errno=True)
    with open(path, "rb") as module:
        if libc.syscall(313, module.fileno(), parameters.encode(), 0) != 0:  # finit_module
            raise OSError(ctypes.get_errno(), f"cannot insert {path}")


def write_register(bus, register, value):
    """Sixteen bits, the high ones first, as an lm75 has them; i2c-stub keeps whatever it is told."""
    data = ctypes.create_string_buffer(struct.pack(">H", value), 34)
    with open(f"/dev/i2c-{bus}", "rb+", buffering=0) as device:
        fcntl.ioctl(device, 0x0706, ADDRESS)  # I2C_SLAVE_FORCE: the driver may hold it
        fcntl.ioctl(device, 0x0720, struct.pack("BBIQ", 0, register, 3, ctypes.addressof(data)))  # I2C_SMBUS, a word


def find(folder, name):
    return next(one for one in sorted(folder.iterdir()) if (one / "name").exists() and (one / "name").read_text().strip() == name)


def set_up(module):
    insert_module(module, f"chip_addr={ADDRESS:#x}")
    bus = find(I2C, "SMBus stub driver")
    write_register(int(bus.name.split("-")[1]), 0, MEASURED["lm75/temp1"])
    (bus / "new_device").write_text(f"lm75 {ADDRESS:#x}")
    os.system("mount -t configfs none /sys/kernel/config")
    for name in ("d0", "d1"):
        (CONFIGFS / "iio/devices/dummy" / name).mkdir()
    (CONFIGFS / "iio/triggers/hrtimer/tick").mkdir()
    (find(IIO, "tick") / "sampling_frequency").write_text(str(MEASURED["rate"]))
    return bus


def attributes(name):
    return {one.name: one.read_text().strip() for one in find(IIO, name).iterdir() if one.name.startswith("in_") and one.is_file()}


def latest(witness):
    """The last reading of each topic, below tidegate/gw/."""
    return {one.topic.split("/", 2)[2]: json.loads(one.payload) for one in witness.seen()}


def wait_quality(gateway, witness, name, quality, troubled, word):
    """Until a reading has this quality, and these are what health has problems with."""
    def problems():
        return gateway.status()["health"]["problems"]

    parts.wait_until(lambda: latest(witness).get(name, {}).get("quality") == quality, f"{name} of {quality} quality", 120)
    parts.wait_until(lambda: [one["what"] for one in problems()] == troubled, f"problems of {troubled}", 120)
    say(word, {"reading": latest(witness)[name], "problems": problems()})


def polled(bus):
    gateway = parts.Gateway("/run", '[hwmon]\ninterval = "500ms"\njson = true\n[iio]\ninterval = "500ms"\njson = true\n[sysstat]\ncollect = []\n',
                            name="polled").start()
    witness = parts.Witness(gateway, "tidegate/gw/hwmon/#", "tidegate/gw/iio/#")
    witness.wait_for(lambda seen: {"tidegate/gw/hwmon/lm75/temp1", "tidegate/gw/iio/d1/accel_x"} <= {one.topic for one in seen})
    time.sleep(1)  # what else may come
    say("readings", {"seen": latest(witness), "d0": attributes("d0"), "d1": attributes("d1")})
    (bus / "delete_device").write_text(f"{ADDRESS:#x}")
    wait_quality(gateway, witness, "hwmon/lm75/temp1", "bad", ["hwmon lm75"], "unbound")
    (bus / "new_device").write_text(f"lm75 {ADDRESS:#x}")
    wait_quality(gateway, witness, "hwmon/lm75/temp1", "good", [], "bound")
    witness.stop()
    say("stopped", gateway.stop())
    gateway.end()


def streamed():
    gateway = parts.Gateway("/run", '[iio]\ninterval = "500ms"\njson = true\n[[iio.buffer]]\ndevice = "d0"\ntrigger = "tick"\nlength = 1024\n'
                            '[sysstat]\ncollect = []\n', name="streamed").start()
    witness = parts.Witness(gateway, "tidegate/gw/iio/#")
    witness.wait_for(lambda seen: sum(one.topic == "tidegate/gw/iio/d0/voltage0" for one in seen) >= 8 * MEASURED["rate"], "samples")
    enabled = (find(IIO, "d0") / "buffer/enable").read_text().strip()
    times = [json.loads(one.payload)["time"] for one in witness.seen("tidegate/gw/iio/d0/voltage0")]
    seen, now = latest(witness), time.time()
    device = CONFIGFS / "iio/devices/dummy/d0"
    device.rmdir()
    wait_quality(gateway, witness, "iio/d0/voltage0", "bad", ["iio d0"], "unplugged")
    device.mkdir()
    wait_quality(gateway, witness, "iio/d0/voltage0", "good", [], "plugged")
    witness.stop()
    say("stream", {"seen": seen, "times": times, "enabled": enabled, "stopped": gateway.stop(), "now": now,
                   "left": {name: (find(IIO, "d0") / name).read_text().strip()
                            for name in ("buffer/enable", "trigger/current_trigger", "scan_elements/in_voltage0_en")}})
    gateway.end()


loopback_up()
polled(set_up(sys.argv[1]))
streamed()
