"""Network for two classes of points, with held-out samples and callbacks."""

import numpy as np
from keras.callbacks import Callback, CSVLogger, EarlyStopping, LearningRateScheduler, ModelCheckpoint
from keras.layers.core import Activation, Dense
from keras.models import Sequential
from keras.optimizers import SGD

np.random.seed(0)
X = np.random.randn(300, 2)
y = (X[:, 0] * X[:, 1] > 0).astype(int)


class LossHistory(Callback):
    def on_train_begin(self, logs={}):
        self.losses = []

    def on_batch_end(self, batch, logs={}):
        self.losses.append(logs.get("loss"))


model = Sequential([Dense(16, input_dim=2, init="glorot_normal"), Activation("tanh"), Dense(1, activation="sigmoid")])
model.compile(loss="binary_crossentropy", optimizer=SGD(lr=0.5, momentum=0.9), metrics=["accuracy"])
losses = LossHistory()
callbacks = [
    losses,
    EarlyStopping(monitor="val_loss", patience=3),
    ModelCheckpoint("best.hdf5", monitor="val_acc", save_best_only=True, mode="max"),
    LearningRateScheduler(lambda epoch: 0.5 * 0.9**epoch),
    CSVLogger("log.csv"),
]
history = model.fit(X, y, nb_epoch=25, batch_size=30, validation_split=0.2, verbose=0, callbacks=callbacks)
print(sorted(history.history))
print("batches", len(losses.losses), "epochs", len(history.epoch))
print("accuracy %.2f" % max(history.history["val_acc"]))
