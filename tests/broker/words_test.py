# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""What shells and man(1) read, in the real shells and the real groff."""
import subprocess

import pytest

import parts
from parts import tool_environment

TIDEGATE = str(parts.BINARY_DIR / "bin" / "tidegate")


def run(*words, **more):
    return subprocess.run(words, env=tool_environment(LC_ALL="C.UTF-8"), capture_output=True, text=True, timeout=30, check=True, **more).stdout


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    for shell in ("bash", "zsh", "fish"):
        (folder / shell).write_text(run(TIDEGATE, "completion", shell))
    return folder


def in_bash(scripts, *words):
    program = f'source {scripts / "bash"}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tidegate; printf "%s\\n" "${{COMPREPLY[@]}}"'
    return set(run("bash", "-c", program, "bash", *words).split())


def in_zsh(scripts, *words):
    # _describe belongs to zsh's completion system, which needs a terminal: here it prints what it is given.
    program = f'_describe() {{ print -l -- ${{(P)2}} }}; words=("$@"); CURRENT=$#; source {scripts / "zsh"}'
    found = run("zsh", "-f", "-c", program, "zsh", *words).splitlines()
    return {one.split(":")[0] for one in found if one.startswith(words[-1])}


def in_fish(scripts, *words):
    return {one.split("\t")[0] for one in run("fish", "--no-config", "-c", f'source {scripts / "fish"}; complete -C "{" ".join(words)}"').splitlines()}


@pytest.mark.parametrize("complete", [in_bash, in_zsh, in_fish])
def test_a_shell_knows_the_commands_and_options_at_each_place(scripts, complete):
    assert {"check", "pub", "spool", "gpio", "broker", "doctor", "diag"} <= complete(scripts, "tidegate", "")
    assert complete(scripts, "tidegate", "sp") == {"spool"}
    assert complete(scripts, "tidegate", "spool", "ex") == {"export"}
    assert complete(scripts, "tidegate", "pub", "--to") == {"--topic"}
    assert complete(scripts, "tidegate", "pub", "-t", "a", "--qo") == {"--qos"}
    assert "--topic" not in complete(scripts, "tidegate", "spool", "--")


def plain(page):
    """As a reader has it; groff says nothing against it."""
    shown = subprocess.run(["groff", "-man", "-Tutf8", "-ww"], input=page, capture_output=True, text=True, check=True, timeout=30,
                           env=tool_environment(LC_ALL="C.UTF-8", GROFF_NO_SGR="1"))
    assert shown.stderr == ""
    return subprocess.run(["col", "-bx"], input=shown.stdout, capture_output=True, text=True, check=True, timeout=30).stdout


def test_the_manual_page_has_every_command_and_no_fault():
    page = plain(run(TIDEGATE, "manual"))
    for words in ("TIDEGATE(1)", "spool ls", "broker adduser", "doctor", "diag", "--output", "--topic", "EXIT STATUS"):
        assert words in page, words


@pytest.mark.parametrize("name, option", [("tidegated", "--broker"), ("tidegate-broker", "--config"), ("tidegate-apps", "--config")])
def test_a_daemon_has_a_page_too(name, option):
    page = plain(run(str(parts.BINARY_DIR / "bin" / name), "--manual"))
    for words in (f"{name.upper()}(8)", option, "EXIT STATUS"):
        assert words in page, words


def test_a_shell_that_is_not_known_is_refused():
    ran = subprocess.run([TIDEGATE, "completion", "tcsh"], capture_output=True, text=True, timeout=30, check=False, env=tool_environment())
    assert ran.returncode == 64 and "bash" in ran.stderr
