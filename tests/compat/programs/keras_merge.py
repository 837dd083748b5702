"""Functional model with two inputs and two outputs, and one that joins the outputs of two chains."""

import sys

import numpy as np
from keras.layers import Dense, Dropout, Embedding, Flatten, Input, merge
from keras.models import Model, Sequential
from keras.utils.np_utils import to_categorical

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 30
np.random.seed(2)
words = np.random.randint(0, 20, (200, 4))
extra = np.random.randn(200, 3)
kind = (words.sum(axis=1) > 38).astype(int)
size = extra.sum(axis=1)

word_input = Input(shape=(4,), dtype="int32", name="words")
extra_input = Input(shape=(3,), name="extra")
flat = Flatten()(Embedding(output_dim=5, input_dim=20, input_length=4)(word_input))
both = merge([flat, extra_input], mode="concat")
hidden = Dropout(0.1)(Dense(24, activation="relu")(both))
kind_output = Dense(2, activation="softmax", name="kind")(hidden)
size_output = Dense(1, name="size")(hidden)
model = Model(input=[word_input, extra_input], output=[kind_output, size_output])
model.compile(
    optimizer="rmsprop",
    loss={"kind": "categorical_crossentropy", "size": "mse"},
    loss_weights={"kind": 1.0, "size": 0.5},
    metrics={"kind": "accuracy"},
)
history = model.fit(
    {"words": words, "extra": extra}, {"kind": to_categorical(kind), "size": size}, nb_epoch=epochs, verbose=0
).history
print(sorted(history))
print("loss fell:", history["loss"][-1] < 0.5 * history["loss"][0])

left = Sequential([Dense(8, input_dim=3, activation="tanh")])
right = Sequential([Dense(8, input_dim=4, activation="tanh")])
both = merge([left.output, right.output], mode="sum")
merged = Model(input=[left.input, right.input], output=Dense(1)(both))
merged.compile("sgd", "mse")
merged.fit([extra, words / 20.0], size, nb_epoch=5, verbose=0)
print(merged.predict([extra, words / 20.0]).shape, len(merged.get_weights()))
