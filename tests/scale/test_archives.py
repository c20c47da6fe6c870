"""Archives of numpy as OGB ships them, read block by block: `data.npz` of ogbn-papers100M."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wis.errors import GraphFormatError
from wis.scale import archives, sparsify_files
from wis.testing import odd_graph
from wis_cli.main import run

DATA = odd_graph("power-law")
ARCS = DATA.edge_index.numpy()


def papers(root, arcs=ARCS, *, save=np.savez):
    """The raw files of ogbn-papers100M: arcs beside features, in the format of the benchmark."""
    folder = root / "OGB" / "ogbn_papers100M" / "raw"
    folder.mkdir(parents=True)
    save(
        folder / "data.npz",
        edge_index=arcs,
        node_feat=np.zeros((DATA.num_nodes, 4), np.float32),
        node_year=np.full((DATA.num_nodes, 1), 2000),
        num_nodes_list=np.array([DATA.num_nodes]),
        num_edges_list=np.array([arcs.shape[1]]),
    )
    np.savez(folder / "node-label.npz", node_label=np.zeros((DATA.num_nodes, 1), np.float32))
    return folder / "data.npz"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("rows", [1, 7, 10**6])
@pytest.mark.parametrize("form", ["rows", "columns", "int32"])
def test_blocks_of_an_archive_are_its_arcs(form, rows, save, tmp_path):
    arcs = {"columns": np.asfortranarray(ARCS), "int32": ARCS.astype(np.int32)}.get(form, ARCS)
    path = papers(tmp_path, arcs, save=save)
    with path.open("rb") as file:
        blocks = list(archives.pairs(file, "data.npz", rows))
        assert archives.stated_size(file, "data.npz") == DATA.num_nodes
    assert np.array_equal(np.concatenate([np.stack(block) for block in blocks], axis=1), ARCS)
    assert all(len(first) <= rows for first, _ in blocks)


def kept_rows(folder):
    table = pq.read_table(folder / "data.npz.parquet")
    return np.stack([table.column(name).to_numpy() for name in ("source", "target")])


def test_an_archive_is_cut_as_the_same_arcs_in_parquet_are(tmp_path):
    sparsify_files(papers(tmp_path), tmp_path / "sparse", remove="50%", block=16)
    table = {"source": ARCS[0], "target": ARCS[1]}
    (tmp_path / "plain").mkdir()
    pq.write_table(pa.table(table), tmp_path / "plain" / "data.npz.parquet")
    sparsify_files(tmp_path / "plain", tmp_path / "other", remove="50%", num_nodes=DATA.num_nodes)
    assert np.array_equal(kept_rows(tmp_path / "sparse"), kept_rows(tmp_path / "other"))


def test_ogbn_papers_is_streamed_by_its_name(tmp_path, monkeypatch, capsys):
    papers(tmp_path)
    monkeypatch.setenv("WIS_DATA_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert run(["sparsify", "ogbn-papers100M", "--engine", "stream", "--remove", "50%"]) == 0
    assert 0 < kept_rows(tmp_path / "ogbn-papers100M-sparse").shape[1] < ARCS.shape[1]
    assert run(["sparsify", "ogbn-papers100M", "--remove", "50%"]) == 2
    assert "--engine stream" in capsys.readouterr().err
    assert run(["sparsify", "karate", "--engine", "stream", "--remove", "50%"]) == 1
    assert "save it as one first" in capsys.readouterr().err


DAMAGED = {
    "text": (lambda path: path.write_bytes(b"no archive"), "not an archive of numpy"),
    "no arcs": (lambda path: np.savez(path, x=np.zeros(3)), "has no edge_index"),
    "floats": (lambda path: np.savez(path, edge_index=np.zeros((2, 3))), "expected integers"),
    "turned": (lambda path: np.savez(path, edge_index=np.zeros((3, 2), int)), r"shape \[3, 2\]"),
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:-200]), "not an archive of numpy"),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_an_archive_that_holds_no_arcs_is_refused(kind, tmp_path):
    path = papers(tmp_path)
    damage, message = DAMAGED[kind]
    damage(path)
    with pytest.raises(GraphFormatError, match=message):
        sparsify_files(path, tmp_path / "sparse", remove="50%")
    assert not (tmp_path / "sparse").exists()


def test_ids_beyond_the_stated_number_are_refused(tmp_path):
    path = papers(tmp_path, np.array([[0, 1], [1, DATA.num_nodes]]))
    with pytest.raises(GraphFormatError, match=f"num_nodes is {DATA.num_nodes}"):
        sparsify_files(path, tmp_path / "sparse", remove="50%")
