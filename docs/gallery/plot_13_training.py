"""
Train a network before and after a cut
======================================

``wis.training`` has the training run of the thesis' experiments: Adam, early stopping by the
validation accuracy, the test accuracy of the best epoch.
"""

import matplotlib.pyplot as plt

import wis
from wis import datasets
from wis.training import TrainConfig, train

data = datasets.load("csbm:n=1000,feature_signal=1.0,seed=1")
print(data)

# %%
# The same network, initial parameters and split, with all edges, half of them and none.

config = TrainConfig(model="gcn", max_epochs=60, learning_rate=0.01, keep_curve=True)
figure, axes = plt.subplots(figsize=(5.5, 3.4), layout="constrained")
for share in (0.0, 0.5, 1.0):
    record = train(wis.sparsify(data, remove=share), config)
    print(
        f"{share:4.0%} removed: test accuracy {record.test_accuracy:.3f}, epoch {record.best_epoch}"
    )
    axes.plot(record.curve.val_accuracy, label=f"{share:.0%} removed")
axes.set(xlabel="epoch", ylabel="validation accuracy")
axes.legend()
plt.show()

# %%
# ``thesis_config("gcn", "cora")`` gives the hyperparameters of Table D.2, ``train_many`` runs
# several seeds, and ``checkpoint=`` survives a kill.
