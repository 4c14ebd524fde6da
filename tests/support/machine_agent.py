# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Runs in the machine of machine.py: does what the test asks for over the line to it, a shell command at a time."""
import glob
import json
import os
import subprocess

port = os.open(glob.glob("/dev/vport*p1")[0], os.O_RDWR)
os.write(port, b"up\n")
pending = b""
while True:
    pending += os.read(port, 65536)
    while b"\n" in pending:
        line, pending = pending.split(b"\n", 1)
        asked = json.loads(line)
        try:
            ran = subprocess.run(["sh", "-c", asked["command"]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 timeout=asked["deadline"], check=False)
            answer = {"status": ran.returncode, "text": ran.stdout.decode(errors="replace")}
        except subprocess.TimeoutExpired as error:
            answer = {"status": -1, "text": f"no end within {asked['deadline']} s\n{(error.stdout or b'').decode(errors='replace')}"}
        told = f"did {asked['number']} {json.dumps(answer)}\n".encode()
        while told:
            told = told[os.write(port, told):]
