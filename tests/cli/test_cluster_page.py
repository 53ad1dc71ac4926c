"""docs/cluster.md: its files describe clusters, and the command of its Snakemake rule runs."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from napari_unet.engine.jobs.cluster.cluster_settings import read_cluster

PAGE = (Path(__file__).parents[2] / "docs" / "cluster.md").read_text("utf-8")


@pytest.mark.parametrize(("name", "kind"), [("slurm.yaml", "slurm"), ("tls.yaml", "address")])
def test_its_files_describe_clusters(tmp_path, name, kind):
    found = next(b for b in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if f"# {name}" in b)
    (tmp_path / name).write_text(found)
    assert read_cluster(str(tmp_path / name)).type == kind


@pytest.mark.slow
def test_the_command_of_its_rule_makes_what_the_rule_promises(tmp_path, world, run, monkeypatch):
    rule = re.search(r"rule segment:\n(.*?)```", PAGE, re.DOTALL)[1]
    shell = "".join(re.findall(r'"([^"]*)"', rule.split("shell:")[1]))
    outputs = re.findall(r'"([^"]*)"', re.search(r"output: (.*)", rule)[1])
    monkeypatch.chdir(tmp_path)
    Path("movies").mkdir()
    shutil.copy(world.movie, "movies/one.tif")

    class Wildcards:
        movie = "one"

    words = shlex.split(shell.format(input="movies/one.tif", wildcards=Wildcards, threads=1))
    assert words[0] == "napari-unet"
    answer = run(*words[1:])
    assert answer.code == 0, answer.stderr
    assert all(Path(output.format(movie="one")).is_file() for output in outputs)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("snakemake"), reason="make rules runs it")
def test_its_rule_runs_in_snakemake(tmp_path, world):
    snakefile = re.search(r"```python\n# Snakefile\n(.*?)```", PAGE, re.DOTALL)[1]
    (tmp_path / "Snakefile").write_text(snakefile)
    (tmp_path / "movies").mkdir()
    shutil.copy(world.movie, tmp_path / "movies" / "one.tif")
    program = tmp_path / "bin" / "napari-unet"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m napari_unet "$@"\n')
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    for expected in ("2 of 2 steps", "Nothing to be done"):
        done = subprocess.run(
            ["snakemake", "--cores", "1"], cwd=tmp_path, env=os.environ | {"PATH": path},
            capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert expected in done.stderr
    assert (tmp_path / "labels" / "one" / "objects.csv").is_file()
