# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Power cuts on a real kernel (tests/support/guest_power.py): a fifth are resets, the others disks that drop what was not flushed."""
import random

import trial

import guest  # noqa: E402
import guest_power  # noqa: E402

ROUNDS_ON_ONE_DISK = 6  # then a new one: so that young and old disks are cut


def run(options, folder, say):
    if why := guest.why_not():
        raise trial.Unable(why)
    rng = random.Random(options.seed)
    verdicts, wrong = [], []

    def note(new):
        for verdict in new:
            verdicts.append(verdict)
            if verdict.wrong:
                wrong.append(verdict)
                say(str(verdict))
            elif len(verdicts) % 10 == 0:
                say(f"{len(verdicts)} of {options.cuts}; {verdict}")
        return not wrong

    def dropped(count):
        number = 0
        while count > 0:
            disk = guest_power.DroppedWrites(folder / f"disk{number}", rng)
            number += 1
            for _ in range(ROUNDS_ON_ONE_DISK):
                cuts = min(count, guest_power.DroppedWrites.MOST)
                if cuts == 0:
                    break
                if not note(disk.round(cuts)):
                    return
                count -= cuts

    resets = max(1, options.cuts // 5) if options.cuts > 1 else 0
    try:
        if resets:
            chain = guest_power.Chain(folder / "resets", rng)
            chain.cut()
            for n in range(resets):
                if not note([chain.cut() if n + 1 < resets else chain.finish()]):
                    break
        if not wrong:
            dropped(options.cuts - resets)
        failure = ""
    except AssertionError as error:
        failure = f"; the trial itself failed: {error}"
    again = max((one.found["again"] for one in verdicts), default=0)
    result = {"cuts": len(verdicts), "resets": min(resets, len(verdicts)), "promised": sum(one.found["promised"] for one in verdicts),
              "lost": sum(one.found["missing"] for one in verdicts), "wrong": len(wrong), "most_again": again,
              "opened_s_most": max((one.found["opened_s"] for one in verdicts), default=0)}
    return {**result, "holds": not wrong and not failure and len(verdicts) == options.cuts,
            "verdict": f"{result['cuts']} power cuts ({result['resets']} resets), {result['wrong']} with something wrong, "
                       f"{result['lost']} durable messages lost, at most {again} came twice after a cut{failure}"}


if __name__ == "__main__":
    trial.main("power", run, cuts=200)
