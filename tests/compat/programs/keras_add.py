"""Recurrent network that adds the marked numbers of a sequence."""

import sys

import numpy as np
from keras.layers import LSTM, Dense, RepeatVector, TimeDistributed
from keras.models import Sequential

rng = np.random.RandomState(1)
np.random.seed(1)
length, count, epochs = [int(n) for n in sys.argv[1:]] or [6, 600, 15]
values = rng.rand(count, length)
marks = np.zeros((count, length))
for row in marks:
    row[rng.permutation(length)[:2]] = 1
X = np.stack([values, marks], axis=-1)
y = (values * marks).sum(axis=1)

model = Sequential()
model.add(LSTM(16, input_shape=(length, 2), inner_activation="sigmoid"))
model.add(Dense(1))
model.compile(loss="mse", optimizer="adam")
before = model.evaluate(X, y, verbose=0)
model.fit(X, y, nb_epoch=epochs, batch_size=20, verbose=0)
print("loss %.4f -> %.4f" % (before, model.evaluate(X, y, verbose=0)))

copier = Sequential()
copier.add(LSTM(8, input_dim=2, input_length=length))
copier.add(RepeatVector(3))
copier.add(LSTM(8, return_sequences=True))
copier.add(TimeDistributed(Dense(2)))
print(copier.output_shape)
