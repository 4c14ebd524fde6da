# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""How long append() takes at 1,000 a second while the disk's flushes are slow, in a guest: figures for docs/reliability.md.
Emulation is slower and coarser than hardware; compare the rows with each other."""
import trial

import guest  # noqa: E402
import guest_power  # noqa: E402


def run(options, folder, say):
    if why := guest.why_not():
        raise trial.Unable(why)
    rows = {}
    for flush, write in ((0, 0), (200, 0), (1000, 0), (200, 20)):
        row = guest_power.stall(folder / f"flush{flush}-{write}", flush, write, seconds=options.seconds)
        rows[f"{flush}ms" + (f"+{write}ms" if write else "")] = row
        say(f"flush {flush} ms" + (f", each write {write} ms" if write else "") + ": append p50 {p50_ms:.3f} ms, p99 {p99_ms:.2f}, p99.9 {p99_9_ms:.2f}, "
            "most {most_ms:.1f}; {over_50_ms} of {appends} above 50 ms; at most {most_not_durable} not durable".format(**row))
    worst = max(row["p99_9_ms"] for row in rows.values())
    return {"holds": worst <= 50, "flush": rows, "verdict": f"p99.9 of append is {worst:.1f} ms at worst; 50 is the limit"}


if __name__ == "__main__":
    trial.main("stall", run, seconds=30)
