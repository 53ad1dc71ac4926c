"""The demo does the whole job and says what it wrote."""

from __future__ import annotations


def test_demo(tmp_path, run):
    out = tmp_path / "demo"
    answer = run("demo", "--out", out, "--minutes", "0.05")
    assert answer.code == 0, answer.stderr
    assert "SEG" in answer.stdout
    listed = answer.stdout.split("Written:")[1].split()
    names = {"sample.tif", "truth.tif", "demo-model.safetensors"}
    names |= {"labels.tif", "objects.csv", "overlay.mp4"}
    assert {path.rsplit("/", 1)[-1] for path in listed} == names
    assert all((out / name).stat().st_size for name in names)
    again = run("demo", "--out", out)
    assert again.code == 1
    assert "add --overwrite" in again.error
