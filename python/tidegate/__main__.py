# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""python -m tidegate run SCRIPT: runs an automation."""
import argparse
import logging
import os
import runpy
import sys

from . import __version__
from .app import App

_USAGE, _DATA, _NO_INPUT = 64, 65, 66  # exit statuses, as sysexits says


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(_USAGE, f"{self.prog}: {message}\n")


def _fail(status, message):
    print(f"tidegate run: {message}", file=sys.stderr)
    return status


def _run(script, arguments, broker):
    if not os.path.isfile(script):
        return _fail(_NO_INPUT, f"there is no file {script}")
    if broker:
        os.environ["TIDEGATE_BROKER"] = broker
    sys.argv = [script, *arguments]
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    names = runpy.run_path(script, run_name="__main__")
    apps = list({id(value): value for value in names.values() if isinstance(value, App)}.values())
    waiting = [app for app in apps if not app.started]
    if len(waiting) == 1:
        waiting[0].run()
    elif waiting:
        return _fail(_DATA, f"{script} makes {len(waiting)} Apps and runs none of them; end it with app.run() for one, "
                     "and app.start() before it for the others")
    elif not apps:
        return _fail(_DATA, f"{script} leaves no App in a variable; write: app = App()")
    return 0


def main():
    parser = _Parser(prog="python -m tidegate", description="Automations for the Tidegate edge gateway.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run an automation", description="Runs a script, and then its App, if the script "
                              "does not end with app.run() itself. What it logs goes to stderr with the time.")
    run.add_argument("--broker", metavar="URL", help="mqtt://host:port; default: $TIDEGATE_BROKER, else the running gateway's")
    run.add_argument("--verbose", "-v", action="store_true", help="log more")
    run.add_argument("script")
    run.add_argument("arguments", nargs=argparse.REMAINDER, help="for the script, in sys.argv")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING,
                        format="%(asctime)s %(levelname)s %(message)s")
    return _run(options.script, options.arguments, options.broker)


if __name__ == "__main__":
    sys.exit(main())
