"""What --cluster takes, and the one line for what it does not."""

import pytest

from napari_unet.engine.errors import BadInput
from napari_unet.engine.jobs.cluster.cluster_settings import read_cluster

TLS = "tls: {ca_file: ca.pem, cert: sub/c.pem, key: /etc/k.pem}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("local:4", {"type": "local", "workers": 4}),
        ("tcp://10.0.0.1:8786", {"type": "address", "address": "tcp://10.0.0.1:8786"}),
        ("tls://host:8786", {"type": "address"}),
        ("ssh:gpu1", {"type": "ssh", "hosts": ("gpu1",)}),
        ("ssh:gpu1,me@gpu2", {"type": "ssh", "hosts": ("gpu1", "me@gpu2")}),
    ],
)
def test_words(text, expected):
    settings = read_cluster(text)
    assert {name: getattr(settings, name) for name in expected} == expected


@pytest.mark.parametrize(
    "text", ["", "local", "local:0", "local:x", "ssh:", "host:8786", "tcp://host", "slurm", "a.txt"]
)
def test_words_that_name_no_cluster(text):
    with pytest.raises(BadInput, match="names no cluster"):
        read_cluster(text)


def test_a_file(tmp_path):
    path = tmp_path / "slurm.yaml"
    arguments = "{cores: 4, memory: 16GB, walltime: '02:00:00'}"
    path.write_text(f"type: slurm\nworkers: 8\narguments: {arguments}\n{TLS}\n")
    settings = read_cluster(str(path))
    assert (settings.type, settings.workers, settings.name) == ("slurm", 8, "slurm")
    assert settings.arguments == {"cores": 4, "memory": "16GB", "walltime": "02:00:00"}
    assert settings.tls.ca_file == str(tmp_path / "ca.pem")
    assert settings.tls.cert == str(tmp_path / "sub" / "c.pem")
    assert settings.tls.key == "/etc/k.pem"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("type: condor", "type: Input should be 'address'"),
        ("workers: 3", "type: Field required"),
        ("type: slurm\nworkers: 0", "workers: Input should be greater"),
        ("type: slurm\nqueue: gpu", "queue: Extra inputs"),
        ("type: ssh", "type ssh needs hosts"),
        ("type: address", "type address needs an address"),
        ("type: address\naddress: host", "address host is none such as"),
        ("type: local\narguments: {cores: 2}", "arguments are for slurm"),
        ("type: slurm\ntls: {ca_file: a}", "tls: cert: Field required"),
        ("- a list", "describes no cluster"),
        ("type: [", "is no YAML"),
    ],
)
def test_a_file_that_describes_none(tmp_path, content, said):
    path = tmp_path / "c.yaml"
    path.write_text(content)
    with pytest.raises(BadInput) as caught:
        read_cluster(str(path))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(BadInput, match="cannot be read"):
        read_cluster(str(tmp_path / "none.yaml"))
