"""A file is written back without the arcs that the caller named, and anew after other changes."""

import gc
import subprocess
import sys

import pytest
import torch
from torch_geometric.data import Data, HeteroData
from torch_geometric.transforms import BaseTransform, Compose

import wis
from wis.errors import GraphFormatError, OptionError
from wis.graph.cut import _cuts_of
from wis.io import GraphFile, read_graph, write_graph
from wis.io.graph_file import attribute_name
from wis.transforms import Sparsify

LIST = "# friends\nsource,target,weight\n0,1,0.50\n1,2,1.50\n\n2,0,2.00\n"
CUT = "# friends\nsource,target,weight\n0,1,0.50\n\n2,0,2.00\n"
MATRIX = (
    "%%MatrixMarket matrix coordinate real symmetric\n% by hand\n3 3 3\n2 1 0.50\n3 2 1.50\n3 1 2\n"
)


@pytest.fixture
def put(tmp_path):
    def write(text, name="in.csv"):
        path = tmp_path / name
        path.write_text(text)
        return read_graph(path)

    return write


@pytest.fixture
def written(tmp_path):
    def write(file, ending=".csv"):
        return write_graph(file, tmp_path / f"out{ending}", force=True, dropped=[]).read_text()

    return write


def mask(*stays):
    return torch.tensor(stays, dtype=torch.bool)


def test_a_mask_says_which_lines_stay_word_for_word(put, written):
    file = put(LIST)
    cut = file.keep(mask(1, 0, 1))
    assert written(cut) == CUT
    assert cut.data.edge_index.tolist() == [[0, 2], [1, 0]]
    assert cut.data.edge_weight.tolist() == [0.5, 2]
    assert file.data.num_edges == 3
    assert written(file.keep(mask(1, 1, 1).numpy())) == LIST
    assert written(cut.keep(mask(1, 0))) == "# friends\nsource,target,weight\n0,1,0.50\n\n"


def test_a_mask_goes_for_data_that_were_looked_at_as_well(put, written):
    file = put(LIST)
    assert file.data.num_edges == 3
    assert written(file.keep(mask(1, 0, 1))) == CUT


def test_a_mask_over_the_arcs_of_a_symmetric_matrix_takes_out_entries(put, written):
    file = put(MATRIX, "in.mtx")
    arcs = file.edge_index.T.tolist()
    stays = torch.tensor([sorted(arc) != [1, 2] for arc in arcs])
    expected = MATRIX.replace("3 2 1.50\n", "").replace("3 3 3", "3 3 2")
    assert written(file.keep(stays), ".mtx") == expected
    one_way = torch.tensor([arc != [1, 2] for arc in arcs])
    assert "general" in written(file.keep(one_way), ".mtx")


def test_a_cut_of_other_data_is_written_anew_even_if_its_arcs_are_those_of_the_file(put, written):
    file = put(LIST)
    other = wis.sparsify(file.data.clone(), remove=0)
    assert written(file.with_data(other)).startswith("source,target,weight\n")
    assert written(file.with_data(wis.sparsify(file.data, remove=0))) == LIST


def test_data_that_were_changed_in_place_are_written_anew(put, written):
    for change in ("before", "after"):
        file = put(LIST)
        if change == "before":
            file.data.edge_weight.mul_(2)
        sparse = wis.sparsify(file.data, remove=1)
        if change == "after":
            sparse.edge_weight.mul_(2)
        assert "# friends" not in written(file.with_data(sparse))
    file = put(LIST)
    file.data.edge_index[0, 0] = 2
    assert written(file).startswith("source,target,weight\n2,1,")
    file = put(LIST)
    file.data.edge_weight = torch.tensor([7.0, 8.0, 9.0], dtype=torch.float64)
    assert written(file) == "source,target,weight\n0,1,7.0\n1,2,8.0\n2,0,9.0\n"
    assert "# friends" not in written(file.keep(mask(1, 0, 1)))


class Doubled(BaseTransform):
    def forward(self, data):
        data.edge_weight = data.edge_weight * 2
        return data


def test_transforms_tell_which_arcs_are_left(put, written):
    file = put(LIST)
    one = Sparsify(remove=1)
    assert "# friends" in written(file.with_data(one(file.data)))
    assert written(file.with_data(Compose([one, one])(file.data))).count("\n") == 4
    assert "# friends" not in written(file.with_data(Compose([one, Doubled()])(file.data)))


def test_a_row_of_cuts_is_known_by_its_first_graph_and_costs_two_masks(put, written):
    file = put(LIST)
    data = file.data
    for _ in range(3):
        data = wis.sparsify(data, remove=0)
    assert len(_cuts_of[data.edge_index]) == 2
    assert written(file.with_data(data)) == LIST
    size = len(_cuts_of)
    del data
    gc.collect()
    assert len(_cuts_of) < size


@pytest.mark.parametrize("wrong", [mask(1, 0), torch.tensor([1, 0, 1]), mask(1, 0, 1)[None]])
def test_a_mask_of_another_shape_or_type_is_refused(put, wrong):
    with pytest.raises(OptionError, match=r"expected bool of shape \[3\]"):
        put(LIST).keep(wrong)


def test_several_types_and_parts_that_cannot_follow_are_refused():
    data = HeteroData()
    data["a"].num_nodes = 2
    data["a", "to", "a"].edge_index = torch.tensor([[0], [1]])
    with pytest.raises(GraphFormatError, match=r"wis\.sparsify"):
        GraphFile(data).keep(mask(1))


def test_lists_are_read_cut_and_written_without_pyg_and_pandas(tmp_path):
    (tmp_path / "in.csv").write_text(LIST)
    named = "source,target,w,ok,when\nann,bob,1.5,true,2020\nbob,cy,,false,x\ncy,ann,2,true,y\n"
    (tmp_path / "named.csv").write_text(named)
    code = (
        "import sys, torch, wis.io\n"
        "file = wis.io.read_graph('in.csv')\n"
        "cut = file.keep(file.edge_index[0] != 1)\n"
        "wis.io.write_graph(cut, 'out.csv')\n"
        "named = wis.io.read_graph('named.csv')\n"
        "wis.io.write_graph(named.keep(named.edge_index[0] != 0), 'rest.csv')\n"
        "assert not {'torch_geometric', 'pandas', 'scipy'} & set(sys.modules)\n"
        "wis.io.write_graph(cut, 'out.txt')\n"
        "assert 'torch_geometric' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert (tmp_path / "out.csv").read_text() == CUT
    assert (tmp_path / "out.txt").read_text() == "source target weight\n0 1 0.5\n2 0 2\n"
    assert (tmp_path / "rest.csv").read_text() == named.replace("ann,bob,1.5,true,2020\n", "")


def test_no_column_becomes_a_method_of_a_pyg_data():
    for name in dir(Data):
        if name.startswith("edge_"):
            attribute = attribute_name(name.removeprefix("edge_"))
            assert not callable(getattr(Data, attribute, None))
            assert name in ("edge_attr", "edge_weight") or attribute != name
