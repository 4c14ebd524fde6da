# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Runs recipes, each in a process of its own that begins with gpiozero imported.

usage: run.py JOBS CHIP NAME…       CHIP: folder of a simulated chip in /sys, or "memory"

The factory is the one that GPIOZERO_PIN_FACTORY names, found as gpiozero finds it. Says "ok NAME" or "failed NAME", and why, as a
line of JSON each."""
import atexit
import importlib
import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import gpiozero  # noqa: E402
import gpiozero.tones  # noqa: E402, F401
import gpiozero.tools  # noqa: E402, F401
if not hasattr(gpiozero.Device, "ensure_pin_factory"):
    importlib.import_module("pkg_resources")  # what gpiozero 1.6 looks factories up with
import tidegate.gpiozero.gateway  # noqa: E402
import tidegate.gpiozero.pin  # noqa: E402
import world  # noqa: E402
from recipes import RECIPES  # noqa: E402

LIFETIME = 150  # seconds after which a recipe is ended


def run(name, chip, folder):
    """Returns what went wrong; empty: nothing."""
    os.chdir(folder)
    around = world.MemoryWorld() if chip == "memory" else world.WireWorld(chip)
    script, play = RECIPES[name].script, RECIPES[name].play
    wrong, over = [], False
    names = {"__name__": "__main__"}  # they live as long as the process, as those of a script do

    tell = tidegate.gpiozero.pin.TidegatePin._tell

    def told(pin, ticks, level):
        tell(pin, ticks, level)
        around.told[pin._number] = level
    tidegate.gpiozero.pin.TidegatePin._tell = told

    # What averages samples meets "deque mutated during iteration" when gpiozero's own thread adds one in that moment.
    begin = gpiozero.mixins.GPIOQueue.__init__

    def begun(queue, *words, **named):
        begin(queue, *words, **named)
        average = queue.average
        queue.average = lambda samples: average(list(samples))
    gpiozero.mixins.GPIOQueue.__init__ = begun

    pause = signal.pause

    def seen_pause():
        around.waiting.set()
        pause()
    signal.pause = seen_pause

    def interrupt(*_):
        if not over:
            raise KeyboardInterrupt
    signal.signal(signal.SIGINT, interrupt)

    def played():
        try:
            play(around)
        except BaseException:
            wrong.append(traceback.format_exc())
        while not over:  # again, for it may come right before pause()
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)

    player = threading.Thread(target=played)
    try:
        player.start()
        exec(compile(script, name + ".py", "exec"), names)
        while player.is_alive():
            player.join(0.1)
    except KeyboardInterrupt:
        pass
    except BaseException:
        wrong.append(traceback.format_exc())
        wrong.append("it said: " + around.output())
    over = True
    if not wrong:
        player.join()
        atexit._run_exitfuncs()
        if around.held():
            wrong.append(f"it ended and left {around.held()} held")
    around.rest()
    return "\n".join(wrong)


def child(name, chip, folder):
    signal.alarm(LIFETIME)
    report = os.dup(1)
    warnings.simplefilter("ignore", gpiozero.GPIOZeroWarning)
    warnings.simplefilter("error", tidegate.gpiozero.gateway.GatewayWarning)
    wrong = run(name, chip, folder)
    os.write(report, (json.dumps([name, wrong]) + "\n").encode())
    os._exit(0)


def main():
    jobs, chip, names = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    running = {}
    while names or running:
        while names and len(running) < jobs:
            name = names.pop(0)
            folder = tempfile.mkdtemp()  # of this process, for the recipe's own would remove it at its exit, before its threads end
            pid = os.fork()
            if pid == 0:
                child(name, chip, folder)
            running[pid] = name, folder, time.monotonic()
        pid, status = os.wait()
        name, folder, began = running.pop(pid)
        shutil.rmtree(folder)
        print(f"{name}: {time.monotonic() - began:.1f} s", file=sys.stderr)
        if status != 0:
            print(json.dumps([name, f"it ended with status {status:#x}"]), flush=True)


if __name__ == "__main__":
    main()
