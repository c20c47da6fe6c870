"""SHA-256 of the files that are downloaded, by their place below the data root.

Those of Cora, CiteSeer, Chameleon, Squirrel and Tolokers were computed from the files that wis was
tested on. Those of PubMed, roman-empire, amazon-ratings, ogbn-arxiv, MNIST and Fashion-MNIST are
what others published who had the same files: the same lists agree with ours on Cora, CiteSeer,
Tolokers and the labels of Fashion-MNIST. None was to be had for dblp, computers and ogbn-products.
"""

from __future__ import annotations

from collections.abc import Iterable

SHA256: dict[str, str] = {
    "FashionMNIST/raw/t10k-images-idx3-ubyte.gz": (
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
    ),
    "FashionMNIST/raw/t10k-labels-idx1-ubyte.gz": (
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
    ),
    "FashionMNIST/raw/train-images-idx3-ubyte.gz": (
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
    ),
    "FashionMNIST/raw/train-labels-idx1-ubyte.gz": (
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
    ),
    "HeterophilousGraphDataset/amazon_ratings/raw/amazon_ratings.npz": (
        "4c3a3e3b9d9f6cba0fede4625a00aad8c5721c1a36ed771367f446763241c7dd"
    ),
    "HeterophilousGraphDataset/roman_empire/raw/roman_empire.npz": (
        "a58ba741d123bf892fe5c872138d07463d75a2e9012360b8dd78ac2d4766d428"
    ),
    "HeterophilousGraphDataset/tolokers/raw/tolokers.npz": (
        "dacf3ac94cec53d03cd2adb5255c08b33dee1656c33ca8164a464bd9450a1667"
    ),
    "MNIST/raw/t10k-images-idx3-ubyte.gz": (
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
    ),
    "MNIST/raw/t10k-labels-idx1-ubyte.gz": (
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
    ),
    "MNIST/raw/train-images-idx3-ubyte.gz": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
    ),
    "MNIST/raw/train-labels-idx1-ubyte.gz": (
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
    ),
    "OGB/ogbn_arxiv/arxiv.zip": "49f85c801589ecdcc52cfaca99693aaea7b8af16a9ac3f41dd85a5f3193fe276",
    "Planetoid/CiteSeer/raw/ind.citeseer.allx": (
        "2ac30345d95c9ec933a817ee0bdd6a5f077f8c184a20e696910192d534414668"
    ),
    "Planetoid/CiteSeer/raw/ind.citeseer.ally": (
        "f704b2d986dde6c2669934de1f3ae5696a6cf9455c0f6b2646a2d135ea0a1c95"
    ),
    "Planetoid/CiteSeer/raw/ind.citeseer.graph": (
        "d79a4ef9d3e7169aee8946145f6b7306e35bc79bffad26346cfb94e10e9912a7"
    ),
    "Planetoid/CiteSeer/raw/ind.citeseer.test.index": (
        "2af990671580b6b2df5d158d1038f8292e30c9cd821b5453f399659b25b723d4"
    ),
    "Planetoid/CiteSeer/raw/ind.citeseer.tx": (
        "539a8906a2da97628d212f2fdd668c109a8b3f0d36574b59e5d3fd5b5303da21"
    ),
    "Planetoid/CiteSeer/raw/ind.citeseer.ty": (
        "55e5bd1ba1e733a04598753ad1a8d57957f4b8f89e74519f41f4f4938767e4ce"
    ),
    "Planetoid/CiteSeer/raw/ind.citeseer.x": (
        "d20de19150741e555de0ed037195630fc194114ebc7fd72ced62810148aa22f6"
    ),
    "Planetoid/CiteSeer/raw/ind.citeseer.y": (
        "8ba87e515d8e3ee3cf52f6d2c5b86aa73f11ecad825a808455209ec26cd54924"
    ),
    "Planetoid/Cora/raw/ind.cora.allx": (
        "9419ba2f26f5c35243db64aba110e0f35a04851609e0dc5433450676ca6b8543"
    ),
    "Planetoid/Cora/raw/ind.cora.ally": (
        "2b998f5cc7fedc86e7f97ca2498f47a1ffc1462c29e2d578b23bf3f62b6e7d71"
    ),
    "Planetoid/Cora/raw/ind.cora.graph": (
        "58f13302f39dde8852dad6fe6d15b89b077b6d7f837626bce671ef80344b383d"
    ),
    "Planetoid/Cora/raw/ind.cora.test.index": (
        "297ce89af2b51a6a194181c7dbe1796c6a1cf9cd9349a88383b1b1e227867875"
    ),
    "Planetoid/Cora/raw/ind.cora.tx": (
        "b9afbaa4a400df991f6f02ef677e1e44da55ffc04801fd02f9e673987829226a"
    ),
    "Planetoid/Cora/raw/ind.cora.ty": (
        "41f5ac76596a1699cc33f53084a2419e92961c42bb75f36fc38e616d348532ad"
    ),
    "Planetoid/Cora/raw/ind.cora.x": (
        "23cfa55d91c6f624233f5eb7b6e3f141f1bd2b2ae39608a63cf5d084bb27baab"
    ),
    "Planetoid/Cora/raw/ind.cora.y": (
        "94465c14eb53e04ca262198dcbb2521ee8af60fb3f3d546cd6ca24a511b0e7d1"
    ),
    "Planetoid/PubMed/raw/ind.pubmed.allx": (
        "508e538e2abdccdd54c4d3e9f49d638b4af7107d85845f66ddea5a5152658b7e"
    ),
    "Planetoid/PubMed/raw/ind.pubmed.ally": (
        "0c37bbe3b5014ec365e9d393cf4791925e5ed94fb194305d74f064a8d7b50f0e"
    ),
    "Planetoid/PubMed/raw/ind.pubmed.graph": (
        "5b89f0036ca22909471f1e6558eb42fa06e0c730a577bde5b058b40638f81dc9"
    ),
    "Planetoid/PubMed/raw/ind.pubmed.test.index": (
        "b101d421688bbaecbd82e8a18f1e282378d6830f3a37666f28ebc47f844341b5"
    ),
    "Planetoid/PubMed/raw/ind.pubmed.tx": (
        "4eb5f5d0f30f26497eb0ac6ac9719d09c67e284f1ed0385c93f3ef27a671da3d"
    ),
    "Planetoid/PubMed/raw/ind.pubmed.ty": (
        "ee2e0d4819d9fbcc403689c3bf2e49face401b605932f093bc58ab6461130fdd"
    ),
    "Planetoid/PubMed/raw/ind.pubmed.x": (
        "fbe9cb5c47200d1b7769a26e579be3b7130b556831f9d850e77c4c74f2599b33"
    ),
    "Planetoid/PubMed/raw/ind.pubmed.y": (
        "e6c807633307a07ed659249006536a147c7999c797f11a2560752990181b41b3"
    ),
    "WikipediaNetwork/chameleon/geom_gcn/raw/chameleon_split_0.6_0.2_0.npz": (
        "b985db524cc2e2d9a57be7b1a3aa0303dc8b9f07128e6077d83463868f6d3cfa"
    ),
    "WikipediaNetwork/chameleon/geom_gcn/raw/chameleon_split_0.6_0.2_1.npz": (
        "59b1d13fbfbce45a08262d3181e1f070d789a40f1de697e967c0f527848108bf"
    ),
    "WikipediaNetwork/chameleon/geom_gcn/raw/chameleon_split_0.6_0.2_2.npz": (
        "b588bafe535e19e81a97407c57818da2f48406cfea62b3ef72f7dd3056a310ea"
    ),
    "WikipediaNetwork/chameleon/geom_gcn/raw/chameleon_split_0.6_0.2_3.npz": (
        "cef1b48bb4547fbc460111777adc4f854980e1a0553ea0b79b20db081b1af83d"
    ),
    "WikipediaNetwork/chameleon/geom_gcn/raw/chameleon_split_0.6_0.2_4.npz": (
        "8f2710de6785415522bc2046e9c6b22133671ed3222f56ebfcdd642d05c256e1"
    ),
    "WikipediaNetwork/chameleon/geom_gcn/raw/chameleon_split_0.6_0.2_5.npz": (
        "b548ee20924d1d5e256ad32b7af37cb76027dec2e3621b8a00ccb1d220d97bf0"
    ),
    "WikipediaNetwork/chameleon/geom_gcn/raw/chameleon_split_0.6_0.2_6.npz": (
        "27a28864b4d89c5ca773ca80b5f3fc2882a5e3082ce486c84180ee48b4d6b85c"
    ),
    "WikipediaNetwork/chameleon/geom_gcn/raw/chameleon_split_0.6_0.2_7.npz": (
        "ec1f88337c9fbaba9e7d9db193c237a0858dd187fc110c6df53c270500662f8c"
    ),
    "WikipediaNetwork/chameleon/geom_gcn/raw/chameleon_split_0.6_0.2_8.npz": (
        "ea63d5a5c6b0a9d5a5291ba0f77b1938cc343a32c3c14e3026c0c2061871c292"
    ),
    "WikipediaNetwork/chameleon/geom_gcn/raw/chameleon_split_0.6_0.2_9.npz": (
        "c73d69c9eede7fdf3616afcc7303200e3f14c6ddba5a7cf70d4a0b7a0417b01f"
    ),
    "WikipediaNetwork/chameleon/geom_gcn/raw/out1_graph_edges.txt": (
        "714ebf3d52358bb7fb030a80ea02441db4cde70456954ce000cd26ba88569803"
    ),
    "WikipediaNetwork/chameleon/geom_gcn/raw/out1_node_feature_label.txt": (
        "5fd29736ff31b43a1bfcf305bc8b4cffc3103fb0957667976b2ea0f78aedcf5b"
    ),
    "WikipediaNetwork/squirrel/geom_gcn/raw/out1_graph_edges.txt": (
        "a55f7cedd40e578e17edca02306ffc056f36b1f48720d8c6ed1f885c25296845"
    ),
    "WikipediaNetwork/squirrel/geom_gcn/raw/out1_node_feature_label.txt": (
        "ac15ab755983717a187992eef8ce2017aae33ea444fd655b07e4662690dcc03a"
    ),
    "WikipediaNetwork/squirrel/geom_gcn/raw/squirrel_split_0.6_0.2_0.npz": (
        "6a42bd52f28076e08ebd418e988d9a44ad5e9b09dc274dbcd5ac754a5222d6ce"
    ),
    "WikipediaNetwork/squirrel/geom_gcn/raw/squirrel_split_0.6_0.2_1.npz": (
        "b5a7bc7e8a3c11258b4a8ec4faeaa3945851a1d72f85e974b6a3c926a28a1f0c"
    ),
    "WikipediaNetwork/squirrel/geom_gcn/raw/squirrel_split_0.6_0.2_2.npz": (
        "6761c678ac8f15baae2418b7a0f1052b0b4fa11167f34ff6f1d4988c77c5bc9a"
    ),
    "WikipediaNetwork/squirrel/geom_gcn/raw/squirrel_split_0.6_0.2_3.npz": (
        "c1725f1e40b6c880d9d082667bcde1bb3a219f9a5c028ffa33a6c871d58c519f"
    ),
    "WikipediaNetwork/squirrel/geom_gcn/raw/squirrel_split_0.6_0.2_4.npz": (
        "58721692385028a5e347fb0c73fe699916a3dc8cb1be07c75036aac1cfdfb04c"
    ),
    "WikipediaNetwork/squirrel/geom_gcn/raw/squirrel_split_0.6_0.2_5.npz": (
        "46e1e6cb2477fdacb7754cd1442a641d7e24a0428f2f590bba1d465bce09dd8b"
    ),
    "WikipediaNetwork/squirrel/geom_gcn/raw/squirrel_split_0.6_0.2_6.npz": (
        "e1ba0734109c8d980c7b3a7008d6c822b3ec1b9c7587e78ceb4db3ea7697987a"
    ),
    "WikipediaNetwork/squirrel/geom_gcn/raw/squirrel_split_0.6_0.2_7.npz": (
        "b02d49aac5c34b03f2d5eb9ea05219732132836f21c8ecb9ea60ec7c7873a9d2"
    ),
    "WikipediaNetwork/squirrel/geom_gcn/raw/squirrel_split_0.6_0.2_8.npz": (
        "7c1e09b560776e4805512374737bcaebb0d18f4dceb2d9c28f2538aa3ff3232c"
    ),
    "WikipediaNetwork/squirrel/geom_gcn/raw/squirrel_split_0.6_0.2_9.npz": (
        "c583fd543a40351a29fbec01e457b70e3405091948ffea9abc4deb003711f03c"
    ),
}


def sha256_of(folder: str, names: Iterable[str]) -> tuple[str | None, ...]:
    """The checksums of files in a folder of the data root, None where nobody told it."""
    return tuple(SHA256.get(f"{folder}/{name}") for name in names)
