# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Each fuzz target of tests/fuzz for a while, from its seeds on; as many at a time as there are processors."""
import concurrent.futures
import os
import re
import subprocess

import trial

PROGRAMS = trial.ROOT / "build" / "fuzz" / "bin"


def fuzz(target, seconds, seed, folder):
    place = folder / target
    found = place / "found"
    found.mkdir(parents=True)
    seeds = trial.ROOT / "tests" / "fuzz" / "seeds" / target
    with open(place / "output", "wb") as out:
        try:
            code = subprocess.run([PROGRAMS / f"fuzz_{target}", f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=2048", f"-seed={seed}",
                                   f"-artifact_prefix={place}/", "-print_final_stats=1", found, seeds], stdout=out, stderr=subprocess.STDOUT,
                                  timeout=seconds + 120, cwd=place).returncode
        except subprocess.TimeoutExpired:
            code = "no end"
    said = (place / "output").read_text(errors="replace")
    runs = re.search(r"stat::number_of_executed_units:\s*(\d+)", said)
    coverage = re.findall(r" cov: (\d+)", said)
    return {"target": target, "code": code, "runs": int(runs[1]) if runs else 0, "coverage": int(coverage[-1]) if coverage else 0,
            "new": sum(1 for _ in found.iterdir()), "said": said}


def run(options, folder, say):
    targets = sorted(file.stem.removeprefix("fuzz_") for file in (trial.ROOT / "tests" / "fuzz").glob("fuzz_*.cpp"))
    if missing := [one for one in targets if not (PROGRAMS / f"fuzz_{one}").exists()]:
        raise trial.Unable(f"{PROGRAMS} has no program for {', '.join(missing)}; tools/soak fuzz builds it")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda target: fuzz(target, options.seconds, options.seed, folder), targets))
    failed = []
    for one in results:
        good = one["code"] == 0 and one["runs"] > 0
        say(f"{one['target']}: {one['runs']} runs, coverage {one['coverage']}, {one['new']} new inputs" + ("" if good else f", ended with {one['code']}"))
        if not good:
            failed.append(one["target"])
            say(one["said"][-3000:])
    return {"holds": not failed and bool(results), "runs": {one["target"]: one["runs"] for one in results}, "failed": failed,
            "verdict": f"{len(results)} targets, {sum(one['runs'] for one in results)} runs, {len(failed)} failed" + "".join(f" {one}" for one in failed)}


if __name__ == "__main__":
    trial.main("fuzz", run, seconds=60)
